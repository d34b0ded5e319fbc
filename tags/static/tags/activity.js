// The activity: says what is new, and shows it when it is asked for, so that nothing moves under the pointer.

import "./filters.js";
import { connect } from "./live.js";

const PAUSE = 400; // milliseconds without events after which it is asked what is new,
const LONGEST = 3_000; // and at the latest

const page = document.getElementById("activity").dataset;
const button = document.getElementById("news");
let timer;
let since = 0;

function askSoon() {
    clearTimeout(timer);
    since ||= Date.now();
    timer = setTimeout(ask, Math.max(0, Math.min(PAUSE, since + LONGEST - Date.now())));
}

async function ask() {
    since = 0;
    const { position } = page;
    const response = await fetch(`${page.news}&after=${position}`).catch(() => null);
    if (!response?.ok) return; // the next event asks again
    const { count } = await response.json();
    if (position !== page.position) return; // it has been shown meanwhile
    button.hidden = count === 0;
    button.textContent = count === 1 ? page.one : page.many.replace("%s", count);
}

async function showNews() {
    const response = await fetch(location.href);
    if (!response.ok) return location.reload();
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    const entries = document.importNode(fresh.getElementById("entries"), true);
    for (const entry of entries.children) {
        entry.classList.toggle("new", Number(entry.dataset.position) > Number(page.position));
    }
    page.position = fresh.getElementById("activity").dataset.position;
    document.getElementById("entries").replaceWith(entries);
    document.querySelector(".nothing")?.remove();
    htmx.process(entries);
    button.hidden = true;
    entries.querySelector("a")?.focus({ preventScroll: true });
}

function showState(state) {
    const place = document.getElementById("state");
    place.dataset.state = state;
    const name = `state${state[0].toUpperCase()}${state.slice(1)}`;
    place.textContent = page[name];
}

if ("past" in page) {
    document.getElementById("state").hidden = true; // what has passed does not change
} else {
    button.addEventListener("click", showNews);
    connect({ after: page.position, onEvent: askSoon, onReset: askSoon, onState: showState });
}
