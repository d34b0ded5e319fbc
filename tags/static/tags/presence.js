// Who else has which task open, as live.js tells it.

const { lang, dataset } = document.documentElement;
const CLOCK = new Intl.DateTimeFormat(lang, { timeStyle: "short", hourCycle: "h23", timeZone: dataset.timeZone });
const LIST = new Intl.ListFormat(lang, { type: "conjunction" });

/** Fills the words of `line` with the people: {who} and {since}, the time at which the first of them came. */
export function inWords(line, people) {
    const since = CLOCK.format(new Date(people[0].since));
    const values = { who: LIST.format(people.map(({ name }) => name)), since };
    return line.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** The people at each task besides the reader, from `onPresence`. */
export class Others {
    #reader;
    #at = new Map(); // by "execution/task name"

    constructor(reader) {
        this.#reader = reader;
    }

    /** The keys of the tasks of which something changed. */
    hear(tasks, isComplete) {
        const changed = new Set(isComplete ? this.#at.keys() : []);
        if (isComplete) this.#at.clear();
        for (const { flow_execution_id, task_name, people } of tasks) {
            const key = `${flow_execution_id}/${task_name}`;
            const others = people.filter(({ actor }) => actor !== this.#reader);
            if (others.length > 0) this.#at.set(key, others);
            else this.#at.delete(key);
            changed.add(key);
        }
        return changed;
    }

    at(key) {
        return this.#at.get(key) ?? [];
    }
}
