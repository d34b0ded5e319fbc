// The inbox (templates/review/inbox.html): what keys and clicks do. Each subject has a file of its own.

import { decideNow, NOTE, stopOrClear, sweep, undoLast } from "./inbox_decide.js";
import { boxOf, byId, current, list, makeCurrent, mayDecide, shown } from "./inbox_list.js";
import "./inbox_others.js";
import { choice, pick, select, selectAll, selected, selectRange, showSelection } from "./inbox_select.js";
import { openTags } from "./inbox_tags.js";
import { keep } from "./kept.js";

// Keys of the list; those of every page are in keys.js

const keys = {
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    x: () => toggleCurrent(),
    X: () => current && selectRange(current),
    a: () => decideNow("approve"),
    r: () => decideNow("reject"),
    f: () => decideNow("flag"),
    u: undoLast,
    n: () => startNote(),
    t: () => mayDecide && openTags(),
    Enter: () => current?.querySelector("a.task-name")?.click(),
    A: selectAll,
    Escape: stopOrClear,
};

document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]")) return;
    const isField = event.target.closest?.("input:not([type=checkbox]), textarea, select");
    if (isField) {
        if (event.key === "Escape") leaveField(event.target);
        return;
    }
    const isOnControl = event.target.closest?.("a, button, summary, input");
    if (event.key === "Enter" && isOnControl) return;
    if (["ArrowDown", "ArrowUp"].includes(event.key) && !event.target.closest?.(".task")) return;
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
});

function move(step) {
    sweep();
    const all = shown();
    if (all.length === 0) return;
    const here = all.indexOf(current);
    const isHeld = here >= 0 && current.contains(document.activeElement);
    // The first key press shows where one is.
    const next = here < 0 || !isHeld ? Math.max(here, 0) : here + step;
    makeCurrent(all[Math.min(Math.max(next, 0), all.length - 1)]);
}

function toggleCurrent() {
    if (!current || !boxOf(current)) return;
    choice.everything = null;
    select(current, !boxOf(current).checked);
    showSelection();
}

function startNote() {
    if (!mayDecide) return;
    if (selected().length === 0 && current) select(current, true);
    showSelection();
    if (!byId("bar").hidden) byId("note").focus();
}

function leaveField(field) {
    field.blur();
    if (current) makeCurrent(current);
}

// Clicks

list?.addEventListener("click", (event) => {
    const row = event.target.closest(".task");
    if (!row) return;
    const button = event.target.closest("button[data-kind]");
    if (button) decideNow(button.dataset.kind, [row]);
    else if (event.target === boxOf(row)) pick(row, event.shiftKey);
});

if (mayDecide) keep(byId("note"), NOTE, sessionStorage);
if (mayDecide && list) {
    byId("clear").addEventListener("click", stopOrClear);
    byId("open-tags").addEventListener("click", openTags);
    byId("bar").addEventListener("submit", (event) => event.preventDefault());
    byId("bar").addEventListener("click", ({ target }) => {
        const button = target.closest("button[data-kind]");
        if (button) decideNow(button.dataset.kind);
    });
}

byId("open-filters").addEventListener("click", ({ currentTarget: button }) => {
    const isOpen = byId("filters").classList.toggle("open");
    button.setAttribute("aria-expanded", String(isOpen));
});
byId("filter").addEventListener("formdata", ({ formData }) => {
    // Short addresses: what is not asked for is not in them.
    const usual = { sort: byId("filter").elements.sort.dataset.usual };
    for (const [name, value] of [...formData]) if (value === (usual[name] ?? "")) formData.delete(name);
});
for (const field of document.querySelectorAll("[data-submits]")) {
    field.addEventListener("change", () => byId("filter").requestSubmit());
}
