// Decisions in the inbox, for one task or many, and how they are taken back.

import { decide, notify, offerUndo, undo } from "./desk.js";
import {
    byId,
    current,
    figure,
    isOpen,
    keyOf,
    keyOfTask,
    list,
    makeCurrent,
    mayDecide,
    neighbour,
    reopen,
    say,
    shown,
    showVerdict,
    words,
} from "./inbox_list.js";
import { fillUp, tally } from "./inbox_more.js";
import { choice, clearSelection, selected, showSelection, targets } from "./inbox_select.js";
import { forget } from "./kept.js";

/** In sessionStorage: the note, until it is sent. */
export const NOTE = "tagsite.inbox-note";

const TOUCH_PAUSE = 1200; // milliseconds for which a decided task keeps its place under a finger

const made = []; // what was decided here, the latest last
export let isBusy = false; // with a decision of many requests
let isStopped = false; // as soon as the request that is under way is answered
let pointer = ""; // what kind of pointer is over the list, or ""

list?.addEventListener("pointerenter", (event) => (pointer = event.pointerType));
list?.addEventListener("pointerdown", (event) => (pointer = event.pointerType));
list?.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "touch") return;
    pointer = "";
    sweep();
});

export async function decideNow(kind, given) {
    if (!mayDecide) return;
    const isByPointer = given !== undefined;
    const { rows: chosen, tasks } = targets(given);
    if (tasks.length === 0) return explainNothing();
    if (isBusy && !(chosen.length === 1 && tasks.length === 1)) return;
    const note = isByPointer && !selected().includes(given[0]) ? "" : byId("note").value.trim();
    hold(chosen, tasks.length > 1 ? words.deciding : "", isByPointer);
    const act = (onProgress) => decide(kind, tasks, note, onProgress);
    const decided = await work(tasks, chosen, act, isByPointer);
    if (!decided) return;
    if (kind === "flag") keep(chosen, isByPointer);
    else finish(tasks, chosen, words[kind], isByPointer);
    if (decided.changed === 0) notify(words.nothing_changed);
    else tellDone(words[kind], tasks, chosen, decided);
}

export function explainNothing() {
    const { by: who, isMine } = current?.dataset ?? {};
    if (!who) notify(words.none_to_decide);
    else notify(isMine !== undefined ? words.was_yours : say("was_decided", { who }));
}

/** From here on these rows are being decided; the current row moves on at once. */
function hold(chosen, text, isByPointer) {
    const gone = new Set(chosen);
    const next = gone.has(current) ? neighbour(current, gone) : current;
    const wasInside = chosen.some((row) => row.contains(document.activeElement)) || !isByPointer;
    for (const row of chosen) {
        row.dataset.state = "busy";
        if (text) showVerdict(row, text);
        for (const control of row.querySelectorAll("input, button")) control.disabled = true;
    }
    if (next !== current) makeCurrent(next, { focus: wasInside && !isByPointer });
}

/** Does it in batches, and tells how far it is. Without a result something went wrong, and has been told. */
export async function work(tasks, chosen, act, isByPointer) {
    const isLong = tasks.length > 100;
    if (isLong) begin(tasks.length);
    try {
        return await act((done) => isLong && tellProgress(done, tasks.length));
    } catch (error) {
        stopHalfway(error, tasks, chosen);
        const left = chosen.find(isOpen);
        if (left && !isByPointer) makeCurrent(left);
    } finally {
        if (isLong) end();
        showSelection();
    }
}

function begin(count) {
    isBusy = true;
    isStopped = false;
    Object.assign(byId("progress"), { hidden: false, max: count, value: 0 });
    byId("selected").textContent = say("progress", { done: 0, all: figure(count) });
    byId("clear-word").textContent = words.stop;
}

function tellProgress(done, count) {
    byId("progress").value = done;
    byId("selected").textContent = say("progress", { done: figure(done), all: figure(count) });
    if (isStopped && done < count) throw new Error(words.stopped);
}

function end() {
    isBusy = false;
    byId("progress").hidden = true;
    byId("clear-word").textContent = words.clear;
}

/** What was done until then is done, and can be taken back as one; the rest is as it was, and still selected. */
function stopHalfway({ message, group_id, changed, done: count = 0 }, tasks, chosen) {
    const behind = new Set(tasks.slice(0, count).map(keyOfTask));
    const isDone = (row) => behind.has(keyOf(row));
    for (const row of chosen) {
        if (!isDone(row)) reopen(row);
        else if (row.dataset.state === "busy") row.dataset.state = "done";
    }
    if (choice.everything) choice.everything = tasks.slice(count);
    if (!changed) return notify(message, { problem: true });
    const text = say("partly", { done: figure(count), all: figure(tasks.length), problem: message });
    remember(text, group_id);
    sweep();
}

function clearNote() {
    byId("note").value = "";
    forget(NOTE, sessionStorage);
}

/** What is flagged goes on waiting. */
function keep(chosen, isByPointer) {
    for (const row of chosen) {
        reopen(row);
        showVerdict(row, words.flag);
    }
    clearNote();
    clearSelection();
    if (!current && !isByPointer) makeCurrent(chosen[0] ?? null);
}

function finish(tasks, chosen, what, isByPointer) {
    for (const row of chosen) {
        row.dataset.state = "done";
        showVerdict(row, what);
    }
    tally.decided += tasks.length;
    clearNote();
    const wasAll = choice.everything !== null;
    clearSelection();
    if (wasAll) {
        for (const row of shown().filter(isOpen)) row.dataset.state = "done";
    }
    // Under a pointer nothing moves: the rows leave when it does.
    if (!isByPointer || pointer === "") sweep();
    else if (pointer === "touch") setTimeout(sweep, TOUCH_PAUSE);
    countDown(tasks.length);
}

function tellDone(what, tasks, chosen, { group_id, changed }) {
    let text =
        tasks.length === 1
            ? say("one", { what, task: tasks[0].task_name })
            : say("many", { what, count: figure(tasks.length) });
    if (changed < tasks.length) {
        text += `. ${say("unchanged", { count: figure(tasks.length - changed), all: figure(tasks.length) })}`;
    }
    remember(text, group_id, tasks.length === chosen.length ? chosen : null);
}

/** Tells it, with a way back. Without rows that come back to their places, the page is loaded again then. */
export function remember(text, group_id, rows = null) {
    const one = { group_id, rows };
    made.push(one);
    one.notice = offerUndo(text, group_id, () => takenBack(one));
}

export function undoLast() {
    const last = made.at(-1);
    if (!last) return notify(words.nothing_to_undo);
    last.notice?.remove();
    return undo(last.group_id, () => takenBack(last));
}

/** What was taken back comes back to its place. */
function takenBack(one) {
    const at = made.indexOf(one);
    if (at >= 0) made.splice(at, 1);
    if (!one.rows) return location.reload();
    const gone = one.rows.filter((row) => !row.isConnected || row.dataset.state === "done");
    for (const row of [...one.rows].reverse()) {
        reopen(row);
        if (!row.isConnected) putBack(row);
    }
    tally.decided -= gone.length;
    countDown(-gone.length);
    byId("done").hidden = true;
    makeCurrent(one.rows[0]);
    showSelection();
}

/** Rows that were decided here leave. */
export function sweep() {
    for (const row of shown().filter((one) => one.dataset.state === "done")) {
        row.following = row.nextElementSibling;
        row.remove();
    }
    fillUp();
}

function putBack(row) {
    let following = row.following;
    while (following && !following.isConnected) following = following.following;
    list.insertBefore(row, following ?? null);
}

function countDown(by) {
    const total = byId("total");
    if (total && /^\d+$/.test(total.textContent)) total.textContent = Math.max(0, Number(total.textContent) - by);
}

addEventListener("beforeunload", (event) => isBusy && event.preventDefault());

/** Escape stops what is under way, or clears what is selected. */
export function stopOrClear() {
    if (isBusy) isStopped = true;
    else clearSelection();
}
