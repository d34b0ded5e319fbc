// What this tab has decided last: the button and the notice that take it back. It survives the page (sessionStorage).

import { offerUndo, undo } from "./desk.js";

const LAST = "tagsite.last-decision";
let offered = null;

const lastOne = () => JSON.parse(sessionStorage.getItem(LAST));

/** @param {{group_id: string, text: string, path: string} | null} last */
export function remember(last) {
    if (last) sessionStorage.setItem(LAST, JSON.stringify(last));
    else sessionStorage.removeItem(LAST);
    showUndo();
}

export function showUndo() {
    const button = document.getElementById("undo");
    const last = lastOne();
    if (!button) return;
    button.hidden = !last;
    button.title = last?.text ?? "";
}

/** Afterwards `comeBack` is called with what was taken back. */
export function offer(comeBack) {
    offered?.remove();
    const last = lastOne();
    offered = offerUndo(last.text, last.group_id, () => comeBack(last));
}

export function takeBack(comeBack) {
    const last = lastOne();
    if (!last) return;
    offered?.remove();
    undo(last.group_id, () => comeBack(last));
}
