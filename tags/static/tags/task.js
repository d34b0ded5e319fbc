// The page of a task: decide by a key, see what others do meanwhile, go on to the next one.

import { decide, notify } from "./desk.js";
import { forget, keep } from "./kept.js";
import { offer, remember, showUndo, takeBack } from "./last_decision.js";
import { showLine } from "./line.js";
import { connect } from "./live.js";
import { inWords, Others } from "./presence.js";
import { setUpValues } from "./values.js";

const PAUSE = 250; // milliseconds in which events that come together are answered together
const READING = 1_000; // milliseconds in which one reads who else is here

const main = document.getElementById("main");
/** What belongs to the task that is shown; made anew for each. */
let shown = null;

class Shown {
    constructor(article) {
        this.data = { ...article.dataset };
        this.article = article;
        this.busy = false;
        this.locked = false;
        this.isOld = false;
        this.prefetched = null;
        this.parts = partsOf(article);
        this.verdict = document.getElementById("verdict")?.dataset.verdict ?? "";
        this.wasWaiting = "waiting" in this.data;
        this.others = new Others(article.dataset.actor);
        this.noteKey = `tagsite.note ${this.data.actor} ${this.data.execution} ${this.data.name}`;
    }

    get task() {
        return { flow_execution_id: this.data.execution, task_name: this.data.name };
    }

    open() {
        setUpValues(main);
        showUndo();
        const note = document.getElementById("note");
        if (note) keep(note, this.noteKey);
        this.line = connect({
            after: this.data.position,
            filter: this.task,
            onEvent: () => this.refreshSoon(),
            onReset: () => this.refreshSoon(),
            presence: this.task,
            onPresence: (tasks, isComplete) => shown === this && this.showOthers(tasks, isComplete),
            onState: (state) => {
                if (shown !== this) return;
                showLine(state);
                if (state === "offline") notify(document.getElementById("line").dataset.offlineWhy, { problem: true });
            },
        });
        setTimeout(() => shown === this && this.prefetch(), PAUSE);
    }

    close() {
        clearTimeout(this.timer);
        this.line?.close();
    }

    showOthers(tasks, isComplete) {
        this.others.hear(tasks, isComplete);
        const place = document.getElementById("people");
        const people = this.others.at(`${this.data.execution}/${this.data.name}`);
        const isNew = place.hidden && people.length > 0;
        place.hidden = people.length === 0;
        place.textContent = people.length > 0 ? inWords(people.length > 1 ? place.dataset.many : place.dataset.one, people) : "";
        if (!isNew) return;
        delete place.dataset.read;
        setTimeout(() => (place.dataset.read = ""), READING);
    }

    /** A decision pressed before one can have read that others are here has to be pressed again. */
    mayNotHaveRead() {
        const place = document.getElementById("people");
        if (place.hidden || "read" in place.dataset) return false;
        place.dataset.read = "";
        notify(inWords(place.dataset.again, this.others.at(`${this.data.execution}/${this.data.name}`)));
        return true;
    }

    prefetch() {
        const path = this.data.next;
        if (!path || this.prefetched?.path === path) return;
        const prefetched = { path, page: fetchPage(path) };
        prefetched.page.catch(() => {}); // then it is fetched when it is wanted
        this.prefetched = prefetched;
    }

    refreshSoon() {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.refresh().catch(() => {}), PAUSE);
    }

    /** Bring what may have changed up to date, and nothing else: what is read or typed stays where it is. */
    async refresh() {
        const page = await fetchPage(location.href);
        const article = page.querySelector("article[data-task]");
        if (shown !== this || !article || article.dataset.task !== this.data.task) return;
        this.data = { ...article.dataset };
        this.isOld = false;
        const values = main.querySelector(".values");
        const wasAt = values.getBoundingClientRect().top;
        for (const [id, html] of partsOf(article)) {
            const old = document.getElementById(id);
            if (!old || this.parts.get(id) === html) continue;
            this.parts.set(id, html);
            replacePart(old, document.importNode(article.querySelector(`#${id}`), true));
        }
        scrollBy(0, values.getBoundingClientRect().top - wasAt);
        this.checkVerdict();
        this.prefetch();
    }

    /** Somebody else's decision has to be seen before one decides again. */
    checkVerdict() {
        const verdict = document.getElementById("verdict");
        if (!verdict) return;
        const { already, noLonger } = document.getElementById("decide").dataset;
        const isNew = verdict.dataset.verdict !== this.verdict;
        const hasEnded = this.wasWaiting && !("waiting" in this.data);
        this.verdict = verdict.dataset.verdict;
        this.wasWaiting = "waiting" in this.data;
        if ("mine" in verdict.dataset || "waiting" in this.data && this.verdict === "") this.lock("");
        else if (isNew && this.verdict !== "") this.lock(already);
        else if (hasEnded) this.lock(noLonger);
    }

    /** Until the reader asks for it, nothing can be decided; no words: it can. */
    lock(why) {
        this.locked = why !== "";
        const locked = document.getElementById("locked");
        locked.hidden = !this.locked;
        locked.querySelector("strong").textContent = why;
        this.setDisabled();
    }

    setDisabled() {
        document.getElementById("decide")?.setAttribute("aria-busy", String(this.busy));
        for (const button of document.querySelectorAll("#decision button")) button.disabled = this.busy || this.locked;
    }

    async press(button) {
        if (this.busy || this.locked || this.mayNotHaveRead()) return;
        this.busy = true;
        this.setDisabled();
        try {
            // While nothing is heard of others, one asks.
            if (this.line.state !== "live") await this.refresh();
            if (!this.locked) await this.decide(button);
        } catch (error) {
            notify(error.message, { problem: true });
        } finally {
            this.busy = false;
            if (shown === this) this.setDisabled();
        }
    }

    async decide(button) {
        const note = document.getElementById("note").value;
        const { group_id, changed } = await decide(button.dataset.kind, [this.task], note);
        if (changed === 0) {
            await this.refresh();
            if (this.locked) return; // it was decided like that already, and not by this person
        }
        forget(this.noteKey);
        const text = `${button.dataset.done}: ${this.data.name}`;
        const path = location.pathname + location.search;
        if (changed > 0) remember({ group_id, text, path });
        // Fetched ahead, it may still name a task as the next that was waiting then.
        if (this.isOld) await this.refresh();
        const next = this.data.next;
        if (next) {
            await visit(next, this.prefetched?.path === next ? this.prefetched.page : null);
        } else {
            document.getElementById("note").value = "";
            await this.refresh();
            notify(document.getElementById("decide").dataset.nothingLeft);
        }
        if (changed > 0) offer(comeBack);
    }
}

/** The new part takes no less room than the old one, and keeps the focus. */
function replacePart(old, part) {
    const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
    if (old.closest(".decide") === null) part.style.minHeight = `${old.getBoundingClientRect().height}px`;
    old.replaceWith(part);
    htmx.process(part);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

function partsOf(article) {
    return new Map([...article.querySelectorAll("[data-live]")].map((part) => [part.id, part.outerHTML]));
}

async function fetchPage(path) {
    let response;
    try {
        response = await fetch(path, { headers: { Accept: "text/html" } });
    } catch {
        throw new Error("The server cannot be reached; try again.");
    }
    const isPage = response.headers.get("Content-Type")?.startsWith("text/html");
    if (!response.ok || !isPage || response.redirected) throw new Error(`The server answered ${response.status}.`);
    return new DOMParser().parseFromString(await response.text(), "text/html");
}

/** Another task in the place of this one, without loading a page. */
async function visit(path, fetched) {
    let page;
    try {
        page = await (fetched ?? fetchPage(path));
    } catch {
        return location.assign(path);
    }
    const article = page.querySelector("article[data-task]");
    if (!article) return location.assign(path);
    history.pushState(null, "", path);
    document.title = page.title;
    main.replaceChildren(...page.getElementById("main").childNodes);
    htmx.process(main);
    begin();
    scrollTo(0, 0);
    main.focus({ preventScroll: true });
    // What was fetched ahead may be old by now.
    if (!fetched) return;
    shown.isOld = true;
    shown.refreshSoon();
}

function begin() {
    const article = main.querySelector("article[data-task]");
    if (!article) return;
    shown?.close();
    shown = new Shown(article);
    shown.open();
}

/** Where something was taken back. */
function comeBack(last) {
    remember(null);
    if (last.path === location.pathname + location.search) shown.refreshSoon();
    else visit(last.path);
}

// Clicks; keys press what says so in aria-keyshortcuts (keys.js)

main.addEventListener("click", (event) => {
    const button = event.target.closest("[data-kind]");
    if (button) shown.press(button);
    else if (event.target.closest("#unlock")) shown.lock("");
    else if (event.target.closest("#undo")) takeBack(comeBack);
});
main.addEventListener("submit", (event) => event.target.id === "decision" && event.preventDefault());
addEventListener("popstate", () => location.reload());

// What a form of this page has just done

const query = new URLSearchParams(location.search);
const did = query.get("did");
if (did || query.has("corrected")) {
    const { task, actor } = main.querySelector("article").dataset;
    if (query.has("corrected")) forget(`tagsite.output ${actor} ${task}`);
    query.delete("did");
    query.delete("corrected");
    history.replaceState(null, "", location.pathname + (query.size ? `?${query}` : ""));
}
begin();
if (/^[0-9a-f-]{36}$/.test(did ?? "")) {
    remember({ group_id: did, text: document.getElementById("tags-title").textContent, path: location.pathname + location.search });
    offer(comeBack);
}
