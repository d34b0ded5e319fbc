// What others do while the inbox is open: told at the rows, and nothing moves.

import {
    ageOf,
    boxOf,
    byId,
    figure,
    keyOf,
    keyOfTask,
    page,
    reopen,
    rows,
    say,
    shown,
    showVerdict,
    words,
} from "./inbox_list.js";
import { arrivals } from "./inbox_more.js";
import { choice, showSelection } from "./inbox_select.js";
import { countViewsSoon } from "./inbox_views.js";
import { showLine } from "./line.js";
import { connect } from "./live.js";
import { nameOf } from "./names.js";
import { inWords, Others } from "./presence.js";

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
    if (waitingTags.has(tag)) countViewsSoon();
    if (!row) return waitingTags.has(tag) && hearOfUnknown(key, isAdded);
    const who = await whoIs(event.actor);
    if (waitingTags.has(tag)) changeChip(row, event.data, who, isAdded);
    const isMine = event.actor === page.actor;
    if ((isMine && row.dataset.state === "busy") || row.dataset.state === "done" || !row.isConnected) return;
    const isVerdict = event.data.tag_type === "review" && ["approved", "rejected"].includes(tag);
    if (isAdded && isVerdict) take(row, `by_${tag}`, who, isMine);
    else if (!isAdded && waitingTags.has(tag) && chips(row).length === 0) take(row, "by_other", who, isMine);
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
function take(row, word, who, isMine = false) {
    row.dataset.state = "taken";
    row.dataset.by = who;
    if (isMine) row.dataset.isMine = "";
    if (boxOf(row)) boxOf(row).checked = false;
    row.removeAttribute("data-selected");
    if (choice.everything) choice.everything = choice.everything.filter((task) => keyOfTask(task) !== keyOf(row));
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
    const doubt = "narrowed" in page ? ` ${words.new_narrowed}` : "";
    button.textContent = `${text}${doubt} — ${words.show_them}`;
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

arrivals.add(showPeople);

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
