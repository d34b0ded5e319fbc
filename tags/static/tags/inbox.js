// The inbox (templates/review/inbox.html): keys, selection, decisions, and what others do meanwhile.

import { decide, notify, offerUndo, send, undo } from "./desk.js";
import { forget, keep } from "./kept.js";
import { showLine } from "./line.js";
import { connect } from "./live.js";
import { nameOf } from "./names.js";
import { inWords, Others } from "./presence.js";

const FEW_LEFT = 10; // with fewer tasks on the page the next ones are fetched
const TOUCH_PAUSE = 1200; // milliseconds for which a decided task keeps its place under a finger

const NOTE = "tagsite.inbox-note"; // in sessionStorage, until it is sent

const byId = (id) => document.getElementById(id);
const page = byId("inbox").dataset;
const words = JSON.parse(byId("words").textContent);
const list = byId("tasks");
const mayDecide = "mayDecide" in page;

const say = (word, values = {}) => words[word].replace(/\{(\w+)\}/g, (_, name) => values[name]);
const figure = (number) => number.toLocaleString();

// Rows. Each has a state: open, busy (being decided here), done (decided here), taken (decided by somebody else).

const rows = new Map(); // by key; those too that have left the page and may come back

const keyOf = (row) => `${row.dataset.execution}/${row.dataset.task}`;
const taskOf = (row) => ({ flow_execution_id: row.dataset.execution, task_name: row.dataset.task });
const shown = () => [...(list?.querySelectorAll(".task") ?? [])];
const isOpen = (row) => (row.dataset.state ?? "open") === "open";
const boxOf = (row) => row.querySelector(".pick input");

for (const row of shown()) rows.set(keyOf(row), row);

// The current row

let current = shown()[0] ?? null;
if (current) current.setAttribute("aria-current", "true");

function makeCurrent(row, { focus = true } = {}) {
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

/** The open row behind this one, or before it. */
function neighbour(row, besides = new Set()) {
    const all = shown();
    const here = all.indexOf(row);
    const free = (one) => isOpen(one) && !besides.has(one);
    return all.slice(here + 1).find(free) ?? all.slice(0, here).findLast(free) ?? null;
}

list?.addEventListener("focusin", ({ target }) => {
    const row = target.closest(".task");
    if (row) makeCurrent(row, { focus: false });
});

// Selection

let anchor = null; // the row last selected, where a range begins
let everything = null; // all tasks that match, when those are selected

const selected = () => shown().filter((row) => isOpen(row) && boxOf(row)?.checked);

function select(row, isSelected) {
    if (!isOpen(row) || !boxOf(row)) return;
    boxOf(row).checked = isSelected;
    row.toggleAttribute("data-selected", isSelected);
    anchor = row;
}

function selectRange(row) {
    const all = shown();
    const from = all.includes(anchor) ? all.indexOf(anchor) : all.indexOf(row);
    const to = all.indexOf(row);
    for (const one of all.slice(Math.min(from, to), Math.max(from, to) + 1)) select(one, true);
    anchor = row;
    showSelection();
}

function clearSelection() {
    everything = null;
    for (const row of shown()) {
        if (!boxOf(row)) continue;
        boxOf(row).checked = false;
        row.removeAttribute("data-selected");
    }
    showSelection();
}

function showSelection() {
    if (!mayDecide || !list) return;
    const count = everything?.length ?? selected().length;
    byId("bar").hidden = count === 0;
    byId("selected").textContent = count === 1 ? words.selected_one : say("selected", { count: figure(count) });
    const open = shown().filter(isOpen);
    const all = byId("all");
    all.checked = count > 0 && selected().length === open.length;
    all.indeterminate = count > 0 && !all.checked;
    const matching = byId("all-matching");
    const hasMore = byId("more").querySelector("a") !== null;
    matching.hidden = everything !== null || !all.checked || !hasMore;
    matching.textContent = say("select_all_matching", { count: byId("total")?.textContent ?? "" });
    if (everything === null) byId("all-words").textContent = byId("all-words").dataset.usual;
}

list?.addEventListener("click", (event) => {
    const row = event.target.closest(".task");
    if (!row) return;
    const button = event.target.closest("button[data-kind]");
    if (button) return decideNow(button.dataset.kind, [row]);
    if (event.target !== boxOf(row)) return;
    everything = null;
    if (event.shiftKey && anchor && boxOf(row).checked) selectRange(row);
    else select(row, boxOf(row).checked);
    showSelection();
});

if (mayDecide) keep(byId("note"), NOTE, sessionStorage);
if (mayDecide && list) {
    byId("all-words").dataset.usual = byId("all-words").textContent;
    byId("all").addEventListener("change", ({ target }) => {
        everything = null;
        for (const row of shown()) select(row, target.checked);
        showSelection();
    });
    byId("all-matching").addEventListener("click", selectMatching);
    byId("clear").addEventListener("click", clearSelection);
    byId("bar").addEventListener("submit", (event) => event.preventDefault());
    byId("bar").addEventListener("click", ({ target }) => {
        const button = target.closest("button[data-kind]");
        if (button) decideNow(button.dataset.kind);
    });
    byId("open-tags").addEventListener("click", openTags);
}

async function selectMatching() {
    const button = byId("all-matching");
    button.disabled = true;
    try {
        const query = new URLSearchParams(location.search);
        query.delete("cursor");
        const { tasks, more } = await fetchJson(`/inbox/matching?${query}`);
        everything = tasks;
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

// Decisions

const made = []; // what was decided here, the latest last: {group_id, rows}
let decidedHere = 0;
let isBusy = false;
let pointer = ""; // what kind of pointer is over the list, or ""

list?.addEventListener("pointerenter", (event) => (pointer = event.pointerType));
list?.addEventListener("pointerdown", (event) => (pointer = event.pointerType));
list?.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "touch") return;
    pointer = "";
    sweep();
});

/** What a decision is about: the rows given, or the selection, or the current row. */
function targets(given) {
    if (given) return { rows: given.filter(isOpen), tasks: given.filter(isOpen).map(taskOf) };
    if (everything) return { rows: selected(), tasks: everything };
    const chosen = selected();
    const of = chosen.length > 0 ? chosen : current && shown().includes(current) ? [current] : [];
    return { rows: of.filter(isOpen), tasks: of.filter(isOpen).map(taskOf) };
}

async function decideNow(kind, given) {
    if (!mayDecide) return;
    const isByPointer = given !== undefined;
    const { rows: chosen, tasks } = targets(given);
    if (tasks.length === 0) return explainNothing();
    if (isBusy && !(chosen.length === 1 && tasks.length === 1)) return;
    const note = isByPointer && !selected().includes(given[0]) ? "" : byId("note").value.trim();
    const isBulk = tasks.length > 1;
    hold(chosen, isBulk ? words.deciding : "", isByPointer);
    await work(chosen, tasks, words[kind], isByPointer, (onProgress) => decide(kind, tasks, note, onProgress));
}

function explainNothing() {
    const who = current?.dataset.by;
    notify(who ? say("was_decided", { who }) : words.none_to_decide);
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

async function work(chosen, tasks, what, isByPointer, act) {
    const isBulk = tasks.length > 100;
    isBusy = isBulk;
    const progress = byId("progress");
    if (isBulk) {
        Object.assign(progress, { hidden: false, max: tasks.length, value: 0 });
        byId("selected").textContent = say("progress", { done: 0, all: figure(tasks.length) });
    }
    let done = 0;
    try {
        const { group_id, changed } = await act((count) => {
            done = count;
            progress.value = count;
            if (isBulk) byId("selected").textContent = say("progress", { done: figure(count), all: figure(tasks.length) });
        });
        finish(chosen, what, isByPointer);
        if (changed === 0) notify(words.nothing_changed);
        else tellDone(what, tasks, chosen, group_id, changed);
    } catch (error) {
        const isPartly = error.group_id && error.changed > 0;
        if (isPartly) {
            const undone = { group_id: error.group_id, rows: chosen };
            made.push(undone);
            offerUndo(say("partly", { done: figure(done), all: figure(tasks.length), problem: error.message }), error.group_id, () => takenBack(undone));
        } else notify(error.message, { problem: true });
        for (const row of chosen) reopen(row);
        if (chosen.length > 0 && !isByPointer) makeCurrent(chosen[0]);
    } finally {
        isBusy = false;
        progress.hidden = true;
        showSelection();
    }
}

function finish(chosen, what, isByPointer) {
    for (const row of chosen) {
        row.dataset.state = "done";
        showVerdict(row, what);
    }
    decidedHere += chosen.length;
    byId("note").value = "";
    forget(NOTE, sessionStorage);
    const wasAll = everything !== null;
    clearSelection();
    if (wasAll) {
        for (const row of shown().filter(isOpen)) row.dataset.state = "done";
    }
    // Under a pointer nothing moves: the rows leave when it does.
    if (!isByPointer || pointer === "") sweep();
    else if (pointer === "touch") setTimeout(sweep, TOUCH_PAUSE);
    countDown(chosen.length);
}

function tellDone(what, tasks, chosen, group_id, changed) {
    const one = { group_id, rows: chosen };
    made.push(one);
    let text =
        tasks.length === 1
            ? say("one", { what, task: tasks[0].task_name })
            : say("many", { what, count: figure(tasks.length) });
    if (changed < tasks.length) {
        text += ` ${say("unchanged", { count: figure(tasks.length - changed), all: figure(tasks.length) })}`;
    }
    one.notice = offerUndo(text, group_id, () => takenBack(one));
}

function undoLast() {
    const last = made.at(-1);
    if (!last) return notify(words.nothing_to_undo);
    last.notice?.remove();
    return undo(last.group_id, () => takenBack(last));
}

/** What was taken back comes back to its place. */
function takenBack(one) {
    const at = made.indexOf(one);
    if (at >= 0) made.splice(at, 1);
    if (one.rows.length === 0) return location.reload();
    for (const row of [...one.rows].reverse()) {
        reopen(row);
        if (!row.isConnected) putBack(row);
    }
    decidedHere -= one.rows.length;
    countDown(-one.rows.length);
    byId("done").hidden = true;
    makeCurrent(one.rows[0]);
    showSelection();
}

function reopen(row) {
    delete row.dataset.state;
    delete row.dataset.by;
    showVerdict(row, "");
    for (const control of row.querySelectorAll("input, button")) control.disabled = false;
}

function showVerdict(row, text) {
    const place = row.querySelector(".verdict");
    place.textContent = text;
    place.hidden = text === "";
}

/** Rows that were decided here leave. */
function sweep() {
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

// The tasks behind these

let isLoading = false;

byId("more").addEventListener("click", (event) => {
    if (!event.target.closest("a") || event.metaKey || event.ctrlKey || !list) return;
    event.preventDefault();
    loadMore();
});

function fillUp() {
    const left = shown().length;
    const link = byId("more").querySelector("a");
    if (link && left < FEW_LEFT) loadMore();
    const isOver = left === 0 && !link;
    if (isOver) {
        byId("done").querySelector("p").textContent = say("all_done_more", { count: figure(decidedHere) });
    }
    byId("done").hidden = !isOver;
    const bar = document.querySelector(".select-bar");
    if (bar) bar.hidden = isOver;
}

async function loadMore() {
    const link = byId("more").querySelector("a");
    if (!link || isLoading) return;
    isLoading = true;
    link.setAttribute("aria-busy", "true");
    try {
        const response = await fetch(link.href);
        if (!response.ok || response.redirected) throw new Error(words.page_failed);
        const fetched = new DOMParser().parseFromString(await response.text(), "text/html");
        const hadNone = shown().length === 0;
        for (const row of fetched.querySelectorAll("#tasks > .task")) {
            if (rows.has(keyOf(row))) continue;
            row.tabIndex = -1;
            list.append(document.adoptNode(row));
            rows.set(keyOf(row), row);
            showPeople(row);
        }
        byId("more").replaceChildren(...fetched.getElementById("more").children);
        if (hadNone && shown().length > 0) makeCurrent(shown()[0]);
    } catch {
        notify(words.page_failed, { problem: true });
        return;
    } finally {
        isLoading = false;
        link.removeAttribute("aria-busy");
    }
    showSelection();
    if (shown().length === 0) fillUp();
}

// Tags

function openTags() {
    const { tasks } = targets();
    if (tasks.length === 0) return explainNothing();
    const one = tasks.length === 1;
    byId("tag-of").textContent = one ? tasks[0].task_name : say("selected", { count: figure(tasks.length) });
    byId("tag-dialog").returnValue = "";
    byId("tag-dialog").showModal();
    byId("tag-dialog").querySelector('[name="tag"]').focus();
}

byId("tag-dialog")?.addEventListener("close", async ({ target: dialog }) => {
    if (dialog.returnValue !== "apply") return;
    const { operation, tag, tag_type } = Object.fromEntries(new FormData(dialog.querySelector("form")));
    const { rows: chosen, tasks } = targets();
    try {
        const { group_id, changed } = await changeTags(operation, tasks, tag, tag_type);
        if (changed === 0) return notify(operation === "remove" ? words.no_tag_there : words.nothing_changed);
        const count = changed === 1 ? words.tagged_one : say("tagged", { count: figure(changed) });
        const text = `${count}: ${operation === "add" ? "+" : "−"} ${tag}`;
        const one = { group_id, rows: [] };
        one.notice = offerUndo(text, group_id, () => location.reload());
        made.push(one);
        clearSelection();
    } catch (error) {
        notify(error.message, { problem: true });
    } finally {
        if (chosen[0]?.isConnected) makeCurrent(current);
    }
});

async function changeTags(operation, tasks, tag, tag_type) {
    const group_id = crypto.randomUUID();
    let changed = 0;
    for (let start = 0; start < tasks.length; start += 100) {
        const part = tasks.slice(start, start + 100);
        // A tag is removed by all that it is, metadata included.
        const tags =
            operation === "add"
                ? part.map((task) => ({ ...task, tag, tag_type }))
                : (await send("/inbox/tags", { tasks: part, tag, tag_type })).tags;
        for (let first = 0; first < tags.length; first += 100) {
            const operations = tags.slice(first, first + 100).map((one) => ({ ...one, operation }));
            changed += (await send("/decisions/tags", { operations, group_id })).changed;
        }
    }
    return { group_id, changed };
}

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
    Escape: () => clearSelection(),
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

function toggleCurrent() {
    if (!current || !boxOf(current)) return;
    everything = null;
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

// What others do

const fresh = new Set(); // tasks that began to wait and are not shown
const waitingTags = new Set(JSON.parse(page.waiting));

/** The next event waits until the name of who did this one is known. */
async function hear(event) {
    const [execution, ...name] = event.subject.split("/");
    if (event.type === "tagsite.flow_execution.deleted") return hearDeleted(execution, await whoIs(event.actor));
    if (!event.type.startsWith("tagsite.task_tag.")) return;
    const key = `${execution}/${name.join("/")}`;
    const row = rows.get(key);
    const isAdded = event.type.endsWith("added");
    const { tag } = event.data;
    if (!row) return waitingTags.has(tag) && hearOfUnknown(key, isAdded);
    const who = await whoIs(event.actor);
    if (waitingTags.has(tag)) changeChip(row, event.data, who, isAdded);
    const isMine = event.actor === page.actor && ["busy", "done"].includes(row.dataset.state);
    if (isMine || row.dataset.state === "done" || !row.isConnected) return;
    const isVerdict = event.data.tag_type === "review" && ["approved", "rejected"].includes(tag);
    if (isAdded && isVerdict) take(row, `by_${tag}`, who);
    else if (!isAdded && waitingTags.has(tag) && chips(row).length === 0) take(row, "by_other", who);
    else if (isAdded && waitingTags.has(tag) && row.dataset.state === "taken") reopen(row);
}

const chips = (row) => row.querySelectorAll(".tag.waits");

function changeChip(row, data, who, isAdded) {
    for (const part of row.querySelectorAll(`[data-tag="${CSS.escape(data.id)}"], [data-of="${CSS.escape(data.id)}"]`)) {
        part.remove();
    }
    if (!isAdded) return;
    const chip = document.createElement("span");
    chip.className = "tag waits";
    chip.dataset.tag = data.id;
    chip.title = data.tag_type;
    chip.textContent = data.tag;
    const by = document.createElement("span");
    by.className = "by";
    by.dataset.of = data.id;
    const time = document.createElement("time");
    time.dateTime = data.created_at;
    time.title = new Date(data.created_at).toLocaleString();
    time.textContent = ageOf(data.created_at);
    by.append(time, ` · ${who}`);
    const place = row.querySelector(".tags");
    const last = [...place.querySelectorAll("[data-of]")].at(-1);
    if (last) last.after(" ", chip, " ", by);
    else place.prepend(chip, " ", by, " ");
}

/** Somebody else decided: the row stays where it is, says so, and is not decided again unseen. */
function take(row, word, who) {
    row.dataset.state = "taken";
    row.dataset.by = who;
    if (boxOf(row)) boxOf(row).checked = false;
    row.removeAttribute("data-selected");
    if (everything) everything = everything.filter((task) => `${task.flow_execution_id}/${task.task_name}` !== keyOf(row));
    for (const control of row.querySelectorAll("input, button")) control.disabled = true;
    showVerdict(row, say(word, { who }));
    showSelection();
}

function hearDeleted(execution, who) {
    for (const row of shown()) {
        if (row.dataset.execution === execution && row.dataset.state !== "done") take(row, "gone", who);
    }
}

function hearOfUnknown(key, isAdded) {
    if (isAdded) fresh.add(key);
    else fresh.delete(key);
    showFresh();
}

function showFresh() {
    const button = byId("new");
    button.hidden = fresh.size === 0;
    const text = fresh.size === 1 ? words.new_one : say("new_many", { count: figure(fresh.size) });
    button.textContent = `${text} — ${words.show_them}`;
}

byId("new").addEventListener("click", () => {
    const address = new URL(location.href);
    address.searchParams.delete("cursor");
    if (address.href === location.href) location.reload();
    else location.assign(address);
});

function whoIs(actor) {
    return actor === page.actor ? words.you : nameOf(actor, words.somebody);
}

const others = new Others(page.actor);

function hearOfPeople(tasks, isComplete) {
    for (const key of others.hear(tasks, isComplete)) if (rows.has(key)) showPeople(rows.get(key));
}

function showPeople(row) {
    const people = others.at(keyOf(row));
    const place = row.querySelector(".people");
    place.hidden = people.length === 0;
    place.textContent = people.length > 0 ? inWords(words.open_at, people) : "";
}

function beStale() {
    const button = byId("new");
    button.hidden = false;
    button.textContent = `${words.stale} ${words.load_again}`;
}

connect({
    after: page.after,
    presence: "watch",
    onEvent: hear,
    onReset: beStale,
    onPresence: hearOfPeople,
    onState: showLine,
});

// Ages

function ageOf(time) {
    const minutes = Math.floor((Date.now() - Date.parse(time)) / 60_000);
    if (minutes < 1) return words.now;
    if (minutes < 60) return say("minutes", { number: minutes });
    if (minutes < 48 * 60) return say("hours", { number: Math.floor(minutes / 60) });
    return say("days", { number: Math.floor(minutes / 1440) });
}

setInterval(() => {
    for (const time of document.querySelectorAll("#tasks time")) time.textContent = ageOf(time.dateTime);
}, 60_000);
