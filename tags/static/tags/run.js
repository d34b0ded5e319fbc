// The page of a run: what is shown is kept as it is now; what is not yet shown waits until it is asked for.

import { connect } from "./live.js";
import { setUpValues } from "./values.js";

const PAUSE = 300; // milliseconds without events after which the page is brought up to date,
const LONGEST = 2_000; // and at the latest
const TICK = 10_000; // while something runs, its bars grow

const run = document.querySelector("article.run");
const { execution, position } = run.dataset;
const news = document.getElementById("news");
let timer;
let since = 0;
let fresh = run; // as the server last told

function refreshSoon() {
    clearTimeout(timer);
    since ||= Date.now();
    timer = setTimeout(refresh, Math.max(0, Math.min(PAUSE, since + LONGEST - Date.now())));
}

async function refresh() {
    since = 0;
    const response = await fetch(location.href).catch(() => null);
    if (!response?.ok) return; // the next event asks again
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    fresh = page.querySelector("article.run") ?? fresh;
    for (const part of run.querySelectorAll("[data-live]")) {
        renew(part, fresh.querySelector(`[data-live="${part.dataset.live}"]`));
    }
    const rows = rowsOf(fresh);
    for (const [name, row] of rowsOf(run)) if (rows.has(name)) renewRow(row, rows.get(name));
    news.hidden = isSameList(rowsOf(run), rows);
    news.textContent = run.dataset.one;
    run.toggleAttribute("data-goes-on", fresh.hasAttribute("data-goes-on"));
}

function rowsOf(article) {
    return new Map([...article.querySelectorAll("[data-row]")].map((row) => [row.dataset.row, row]));
}

function isSameList(shown, now) {
    return [...shown.keys()].join("\n") === [...now.keys()].join("\n");
}

/** What has the focus stays. */
function renew(old, now) {
    if (!now || old.innerHTML === now.innerHTML || old.contains(document.activeElement)) return;
    old.replaceChildren(...[...now.childNodes].map((node) => document.importNode(node, true)));
}

/** The first cell's link stays the same one, under the pointer and in the focus. */
function renewRow(old, now) {
    const [link, newLink] = [old.querySelector("th a"), now.querySelector("th a")];
    if (link.getAttribute("href") !== newLink.getAttribute("href")) link.setAttribute("href", newLink.getAttribute("href"));
    for (const [n, cell] of [...old.cells].entries()) if (n > 0) renew(cell, now.cells[n]);
}

function showNews() {
    const tasks = document.importNode(fresh.querySelector("#run-tasks"), true);
    document.getElementById("run-tasks").replaceWith(tasks);
    news.hidden = true;
    tasks.querySelector("a")?.focus({ preventScroll: true });
}

setUpValues(document);
news.addEventListener("click", showNews);
connect({ after: position, filter: { flow_execution_id: execution }, onEvent: refreshSoon, onReset: refreshSoon });
setInterval(() => {
    if (run.hasAttribute("data-goes-on") && document.visibilityState === "visible") refresh();
}, TICK);
