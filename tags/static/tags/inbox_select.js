// What is selected in the inbox: rows, or all tasks that match.

import { notify } from "./desk.js";
import { boxOf, byId, current, figure, isOpen, list, mayDecide, say, shown, taskOf, words } from "./inbox_list.js";

let anchor = null; // the row last selected, where a range begins
/** `everything`: all tasks that match, when those are selected. */
export const choice = { everything: null };

export const selected = () => shown().filter((row) => isOpen(row) && boxOf(row)?.checked);

export function select(row, isSelected) {
    if (!isOpen(row) || !boxOf(row)) return;
    boxOf(row).checked = isSelected;
    row.toggleAttribute("data-selected", isSelected);
    anchor = row;
}

export function selectRange(row) {
    const all = shown();
    const from = all.includes(anchor) ? all.indexOf(anchor) : all.indexOf(row);
    const to = all.indexOf(row);
    for (const one of all.slice(Math.min(from, to), Math.max(from, to) + 1)) select(one, true);
    anchor = row;
    showSelection();
}

export function clearSelection() {
    choice.everything = null;
    for (const row of shown()) {
        if (!boxOf(row)) continue;
        boxOf(row).checked = false;
        row.removeAttribute("data-selected");
    }
    showSelection();
}

export function showSelection() {
    if (!mayDecide || !list) return;
    const count = choice.everything?.length ?? selected().length;
    byId("bar").hidden = count === 0;
    byId("selected").textContent = count === 1 ? words.selected_one : say("selected", { count: figure(count) });
    const open = shown().filter(isOpen);
    const all = byId("all");
    all.checked = count > 0 && selected().length === open.length;
    all.indeterminate = count > 0 && !all.checked;
    const matching = byId("all-matching");
    const hasMore = byId("more").querySelector("a") !== null;
    matching.hidden = choice.everything !== null || !all.checked || !hasMore;
    matching.textContent = say("select_all_matching", { count: byId("total")?.textContent ?? "" });
    if (choice.everything === null) byId("all-words").textContent = byId("all-words").dataset.usual;
}

/** All on this page; once more, and it is all that match. */
export function selectAll() {
    if (!mayDecide || !list) return;
    if (!byId("all-matching").hidden) return selectMatching();
    choice.everything = null;
    for (const row of shown()) select(row, true);
    showSelection();
}

export async function selectMatching() {
    const button = byId("all-matching");
    button.disabled = true;
    try {
        const query = new URLSearchParams(location.search);
        query.delete("cursor");
        const { tasks, more } = await fetchJson(`/inbox/matching?${query}`);
        choice.everything = tasks;
        const count = figure(tasks.length);
        byId("all-words").textContent = say(more ? "first_selected" : "all_selected", { count });
    } catch (error) {
        notify(error.message, { problem: true });
    } finally {
        button.disabled = false;
        showSelection();
    }
}

async function fetchJson(path) {
    const response = await fetch(path, { headers: { Accept: "application/json" } }).catch(() => null);
    const answer = await response?.json().catch(() => null);
    if (response?.ok && answer) return answer;
    throw new Error(answer?.error?.message ?? words.page_failed);
}

/** What a decision is about: the rows given, or the selection, or the current row. */
export function targets(given) {
    if (given) return { rows: given.filter(isOpen), tasks: given.filter(isOpen).map(taskOf) };
    if (choice.everything) return { rows: selected(), tasks: choice.everything };
    const chosen = selected();
    const of = chosen.length > 0 ? chosen : current && shown().includes(current) ? [current] : [];
    return { rows: of.filter(isOpen), tasks: of.filter(isOpen).map(taskOf) };
}

/** A box was clicked. */
export function pick(row, isRange) {
    choice.everything = null;
    if (isRange && anchor && boxOf(row).checked) selectRange(row);
    else select(row, boxOf(row).checked);
    showSelection();
}

if (mayDecide && list) {
    byId("all-words").dataset.usual = byId("all-words").textContent;
    byId("all").addEventListener("change", ({ target }) => {
        choice.everything = null;
        for (const row of shown()) select(row, target.checked);
        showSelection();
    });
    byId("all-matching").addEventListener("click", selectMatching);
}
