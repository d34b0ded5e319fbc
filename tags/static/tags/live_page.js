/** The page /live (templates/review/live.html): shows what live.js hands over. Everything is written with textContent. */

import "./filters.js";
import { connect } from "./live.js";
import { nameOf } from "./names.js";

const MOST_SHOWN = 200;
const TOGETHER = 150; // milliseconds in which what the page begins with has come
const SLIDE = 250; // milliseconds in which the rows make room for new ones

const element = (id) => document.getElementById(id);
const words = JSON.parse(element("live-words").textContent);
const say = (word, values) => words[word].replace(/\{(\w+)\}/g, (_, name) => values[name]);
const page = element("live").dataset;
const list = element("events");
const language = document.documentElement.lang;
const timeZone = document.documentElement.dataset.timeZone;
const isStill = matchMedia("(prefers-reduced-motion: reduce)");
const kinds = new Map([...element("id_type").options].map(({ value, text }) => [`tagsite.${value}`, text]));
let received = 0;

// Pausing

let pause = null; // while paused: a promise, and how to resolve it

element("pause").addEventListener("click", ({ currentTarget: button }) => {
    if (pause) pause.end();
    pause = pause ? null : {};
    if (pause) pause.over = new Promise((end) => (pause.end = end));
    else showFresh();
    button.textContent = pause ? words.go_on : words.pause;
    button.classList.toggle("paused", pause !== null);
});

// What is shown

let fresh = []; // rows that are shown next, the newest first
let isDue = false;
let sliding = Promise.resolve(); // until the rows are where they belong; what comes meanwhile comes in after that

async function show(event) {
    const who = await nameOf(event.actor, words.somebody);
    while (pause) await pause.over;
    fresh = [row(event, who), ...fresh].slice(0, MOST_SHOWN);
    received += 1;
    if (!isDue) showSoon();
}

async function showSoon() {
    isDue = true;
    await sliding;
    if (list.firstElementChild) requestAnimationFrame(showFresh);
    else setTimeout(showFresh, TOGETHER);
}

function showFresh() {
    if (pause) return;
    const [newest] = list.children;
    const top = newest?.offsetTop;
    list.prepend(...fresh);
    [fresh, isDue] = [[], false];
    while (list.children.length > MOST_SHOWN) list.lastElementChild.remove();
    if (newest?.isConnected) slide(newest.offsetTop - top);
    showCount();
}

/** What was there begins where it was and moves down evenly. Who has scrolled is kept in place by the browser. */
function slide(distance) {
    if (isStill.matches || scrollY > 0) return;
    const from = { transform: `translateY(${-distance}px)` };
    sliding = list.animate([from, { transform: "none" }], { duration: SLIDE, easing: "ease-out" }).finished;
}

function showCount() {
    element("empty").hidden = received > 0;
    const values = { count: received.toLocaleString(language), shown: MOST_SHOWN };
    element("count").textContent = received > MOST_SHOWN ? say("cut", values) : say(received === 1 ? "one" : "many", values);
}

function startAnew() {
    received = 0;
    fresh = [];
    list.replaceChildren();
    element("reset").hidden = false;
    showCount();
}

function showState(state, reason) {
    const place = element("state");
    place.dataset.state = state;
    place.querySelector("strong").textContent = words[state];
    place.querySelector(".why").textContent = words[reason] ?? (state === "reconnecting" ? words.goes_on : "");
    place.querySelector(".again").hidden = !["not_authenticated", "credential_ended"].includes(reason);
    if (state === "live") setTimeout(showCount, 500); // not before the first events had time to come
}

function row({ type, time, sequence, subject, data }, who) {
    const item = element("row").content.cloneNode(true).firstElementChild;
    item.dataset.sequence = Number(sequence);
    const when = new Date(time);
    item.querySelector("time").dateTime = time;
    item.querySelector("time").textContent = clock(when);
    item.querySelector("time").title = when.toLocaleString(language, { timeZone });
    item.querySelector("strong").textContent = kinds.get(type) ?? type;
    item.querySelector(".who").textContent = who;
    fill(item.querySelector(".tag"), data.tag);
    fill(item.querySelector(".more"), data.tag_type ?? details(data));
    item.querySelector(".where").append(...where(subject));
    return item;
}

function fill(place, text) {
    if (text) place.textContent = text;
    else place.remove();
}

function clock(when) {
    const day = (time) => time.toLocaleDateString(language, { timeZone });
    if (day(when) === day(new Date())) return when.toLocaleTimeString(language, { timeZone });
    return when.toLocaleDateString(language, { timeZone, day: "numeric", month: "short" });
}

/** Of an execution's change: which fields, or how it stands now. */
function details({ previous, processing_status, status }) {
    const changed = Object.keys(previous ?? {}).flatMap((name) => words.fields[name] ?? []);
    return changed.join(", ") || words.statuses[processing_status ?? status];
}

function where(subject) {
    const [execution, ...task] = subject.split("/");
    const parts = [` · ${words.run} `, link(execution)];
    if (task.length === 0) return parts;
    const name = document.createElement("span");
    name.className = "task";
    name.textContent = task.join("/");
    return [" · ", name, ...parts];
}

function link(execution) {
    const anchor = document.createElement("a");
    anchor.href = `/runs/${execution}`;
    anchor.textContent = `…${execution.slice(-8)}`;
    anchor.title = execution;
    return anchor;
}

// A filter that is not valid is null, and needs mending first.
const filter = JSON.parse(page.filter);
if (filter) connect({ after: page.after, filter, onEvent: show, onReset: startAnew, onState: showState });
