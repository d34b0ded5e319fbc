/** The page /live (templates/live.html): shows what live.js hands over. Everything is written with textContent. */

import { connect } from "./live.js";

const MOST_SHOWN = 200;

const WORDS = { connecting: "Connecting", live: "Live", reconnecting: "Reconnecting", offline: "Offline" };
const GOES_ON = "The list goes on where it stopped.";
const WHY = {
    no_network: `This device is not on a network. ${GOES_ON}`,
    restarting: `The server restarts. ${GOES_ON}`,
    unavailable: `The server cannot reach its database. ${GOES_ON}`,
    not_authenticated: "Your session has ended.",
    credential_ended: "Your session has ended.",
    forbidden: "You may not read this organization's events.",
    refused: "The server does not take this filter.",
};

const element = (id) => document.getElementById(id);
const page = element("live").dataset;
const list = element("events");
const kinds = new Map([...element("id_type").options].map(({ value, text }) => [`tagsite.${value}`, text]));
let received = 0;

// Pausing

let pause = null; // while paused: a promise, and how to resolve it

element("pause").addEventListener("click", ({ currentTarget: button }) => {
    if (pause) pause.end();
    pause = pause ? null : {};
    if (pause) pause.over = new Promise((end) => (pause.end = end));
    button.textContent = pause ? "Go on" : "Pause";
    button.classList.toggle("paused", pause !== null);
});

// What is shown

async function show(event) {
    while (pause) await pause.over;
    received += 1;
    list.prepend(row(event));
    if (list.children.length > MOST_SHOWN) list.lastElementChild.remove();
    showCount();
}

function showCount() {
    element("empty").hidden = received > 0;
    const events = received === 1 ? "1 event" : `${received.toLocaleString()} events`;
    element("count").textContent = received > MOST_SHOWN ? `${events}, the newest ${MOST_SHOWN} shown` : events;
}

function startAnew() {
    received = 0;
    list.replaceChildren();
    element("reset").hidden = false;
    showCount();
}

function showState(state, reason) {
    const place = element("state");
    place.dataset.state = state;
    place.querySelector("strong").textContent = WORDS[state];
    place.querySelector(".why").textContent = WHY[reason] ?? (state === "reconnecting" ? GOES_ON : "");
    place.querySelector(".again").hidden = !["not_authenticated", "credential_ended"].includes(reason);
    if (state === "live") setTimeout(showCount, 500); // not before the first events had time to come
}

function row({ type, time, sequence, subject, actor, data }) {
    const item = element("row").content.cloneNode(true).firstElementChild;
    item.dataset.sequence = Number(sequence);
    const when = new Date(time);
    item.querySelector("time").dateTime = time;
    item.querySelector("time").textContent = clock(when);
    item.querySelector("time").title = when.toLocaleString();
    item.querySelector("strong").textContent = kinds.get(type) ?? type;
    fill(item.querySelector(".tag"), data.tag);
    fill(item.querySelector(".more"), data.tag_type ?? details(data));
    item.querySelector(".where").replaceChildren(...where(subject, actor));
    return item;
}

function fill(place, text) {
    if (text) place.textContent = text;
    else place.remove();
}

function clock(when) {
    const isToday = when.toDateString() === new Date().toDateString();
    return isToday ? when.toLocaleTimeString() : when.toLocaleDateString(undefined, { day: "numeric", month: "short" });
}

/** Of an execution's change: which fields, or how it stands now. */
function details({ previous, processing_status, status }) {
    const changed = Object.keys(previous ?? {}).map((name) => name.replaceAll("_", " "));
    return changed.join(", ") || (processing_status ?? status)?.replaceAll("_", " ");
}

function where(subject, actor) {
    const [execution, ...task] = subject.split("/");
    const parts = ["flow execution ", link(execution), ` · by ${person(actor)}`];
    if (task.length === 0) return parts;
    const name = document.createElement("b");
    name.textContent = task.join("/");
    return [name, " · ", ...parts];
}

function link(execution) {
    const anchor = document.createElement("a");
    anchor.href = `?${new URLSearchParams({ flow_execution_id: execution })}`;
    anchor.textContent = execution;
    anchor.title = "Show this flow execution alone";
    return anchor;
}

function person(actor) {
    if (actor === page.actor) return "you";
    const [kind, id] = actor.split(":");
    const words = { user: "user", service_account: "service account", system: "Tagsite" };
    return id ? `${words[kind] ?? kind} …${id.slice(-8)}` : (words[kind] ?? kind);
}

// A filter that is not valid is null, and needs mending first.
const filter = JSON.parse(page.filter);
if (filter) connect({ after: page.after, filter, onEvent: show, onReset: startAnew, onState: showState });
