// Any tag, added to or removed from the tasks that are selected.

import { inBatches, notify, send } from "./desk.js";
import { explainNothing, isBusy, remember, work } from "./inbox_decide.js";
import { byId, current, figure, makeCurrent, say, words } from "./inbox_list.js";
import { clearSelection, targets } from "./inbox_select.js";

export function openTags() {
    const { tasks } = targets();
    if (tasks.length === 0) return explainNothing();
    const one = tasks.length === 1;
    byId("tag-of").textContent = one ? tasks[0].task_name : say("selected", { count: figure(tasks.length) });
    byId("tag-dialog").returnValue = "";
    byId("tag-dialog").showModal();
    byId("tag-dialog").querySelector('[name="tag"]').focus();
}

byId("tag-dialog")?.addEventListener("close", async ({ target: dialog }) => {
    if (dialog.returnValue !== "apply" || isBusy) return;
    const { operation, tag, tag_type } = Object.fromEntries(new FormData(dialog.querySelector("form")));
    const { rows: chosen, tasks } = targets();
    const act = (onProgress) => inBatches(tasks, changing(operation, tag, tag_type), onProgress);
    const decided = await work(tasks, chosen, act, false);
    if (decided) tellTagged(decided, operation, tag);
    if (chosen[0]?.isConnected) makeCurrent(current);
});

function tellTagged({ group_id, changed }, operation, tag) {
    if (changed === 0) return notify(operation === "remove" ? words.no_tag_there : words.nothing_changed);
    const count = changed === 1 ? words.tagged_one : say("tagged", { count: figure(changed) });
    remember(`${count}: ${operation === "add" ? "+" : "−"} ${tag}`, group_id);
    clearSelection();
}

/** A tag is removed by all that it is, metadata included. */
function changing(operation, tag, tag_type) {
    return async (part, group_id) => {
        const tags =
            operation === "add"
                ? part.map((task) => ({ ...task, tag, tag_type }))
                : (await send("/inbox/tags", { tasks: part, tag, tag_type })).tags;
        let changed = 0;
        for (let first = 0; first < tags.length; first += 100) {
            const operations = tags.slice(first, first + 100).map((one) => ({ ...one, operation }));
            changed += (await send("/decisions/tags", { operations, group_id })).changed;
        }
        return changed;
    };
}
