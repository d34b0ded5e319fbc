// The inbox's list: its rows, which of them is the current one, and their ages.

export const byId = (id) => document.getElementById(id);
export const page = byId("inbox").dataset;
export const words = JSON.parse(byId("words").textContent);
export const list = byId("tasks");
export const mayDecide = "mayDecide" in page;

export const say = (word, values = {}) => words[word].replace(/\{(\w+)\}/g, (_, name) => values[name]);
export const figure = (number) => number.toLocaleString(document.documentElement.lang);

// Rows. Each has a state: open, busy (being decided here), done (decided here), taken (decided by somebody else).

export const rows = new Map(); // by key; those too that have left the page and may come back

export const keyOf = (row) => `${row.dataset.execution}/${row.dataset.task}`;
/** The same of a task as requests name it. */
export const keyOfTask = ({ flow_execution_id, task_name }) => `${flow_execution_id}/${task_name}`;
export const taskOf = (row) => ({ flow_execution_id: row.dataset.execution, task_name: row.dataset.task });
export const shown = () => [...(list?.querySelectorAll(".task") ?? [])];
export const isOpen = (row) => (row.dataset.state ?? "open") === "open";
export const boxOf = (row) => row.querySelector(".pick input");

for (const row of shown()) rows.set(keyOf(row), row);

export function reopen(row) {
    delete row.dataset.state;
    delete row.dataset.by;
    delete row.dataset.isMine;
    showVerdict(row, "");
    for (const control of row.querySelectorAll("input, button")) control.disabled = false;
}

export function showVerdict(row, text) {
    const place = row.querySelector(".verdict");
    place.textContent = text;
    place.hidden = text === "";
}

// The current row

export let current = shown()[0] ?? null;
if (current) current.setAttribute("aria-current", "true");

export function makeCurrent(row, { focus = true } = {}) {
    if (current && current !== row) {
        current.removeAttribute("aria-current");
        current.tabIndex = -1;
    }
    current = row;
    if (!row) return;
    row.setAttribute("aria-current", "true");
    row.tabIndex = 0;
    if (!focus) return;
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
}

/** The open row behind this one, or before it. */
export function neighbour(row, besides = new Set()) {
    const all = shown();
    const here = all.indexOf(row);
    const free = (one) => isOpen(one) && !besides.has(one);
    return all.slice(here + 1).find(free) ?? all.slice(0, here).findLast(free) ?? null;
}

list?.addEventListener("focusin", ({ target }) => {
    const row = target.closest(".task");
    if (row) makeCurrent(row, { focus: false });
});

// Ages

export function ageOf(time) {
    const minutes = Math.floor((Date.now() - Date.parse(time)) / 60_000);
    if (minutes < 1) return words.now;
    if (minutes < 60) return say("minutes", { number: minutes });
    if (minutes < 48 * 60) return say("hours", { number: Math.floor(minutes / 60) });
    return say("days", { number: Math.floor(minutes / 1440) });
}

setInterval(() => {
    for (const time of document.querySelectorAll("#tasks time")) time.textContent = ageOf(time.dateTime);
}, 60_000);
