// What every page of the desk has: notices, and what to do when a request fails.

import "./time_zone.js";

const words = JSON.parse(document.getElementById("desk-words").textContent);
export const say = (word, values = {}) => words[word].replace(/\{(\w+)\}/g, (_, name) => values[name]);

const NOTICE = 6_000; // milliseconds for which a notice stays,
const IMPORTANT = 20_000; // and one with something to do, or of a problem

/**
 * Tell the reader something, at the corner; gone after a while unless it has something to press.
 * @param {string} text
 * @param {{problem?: boolean, action?: {label: string, run: () => void}}} [more]
 */
export function notify(text, { problem = false, action } = {}) {
    const notice = document.createElement("div");
    notice.className = problem ? "notice problem" : "notice";
    const what = document.createElement("span");
    what.textContent = text;
    notice.append(what);
    if (action) {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "quiet";
        button.textContent = action.label;
        button.addEventListener("click", () => {
            notice.remove();
            action.run();
        });
        notice.append(button);
    }
    const place = document.getElementById("notices");
    place.append(notice);
    while (place.childElementCount > 4) place.firstElementChild.remove();
    setTimeout(() => notice.remove(), action || problem ? IMPORTANT : NOTICE);
    return notice;
}

// Those that came with the page
for (const notice of document.querySelectorAll("#notices > .notice")) setTimeout(() => notice.remove(), NOTICE);

// Log-in makes a new token. Who has logged in again in another tab goes on in this one, so the newest is sent.
function token() {
    const start = `${document.body.dataset.csrfCookie}=`;
    return document.cookie.split("; ").find((cookie) => cookie.startsWith(start))?.slice(start.length) ?? "";
}

document.addEventListener("htmx:configRequest", ({ detail }) => (detail.headers["X-CSRFToken"] = token()));

document.addEventListener("submit", ({ target }) => {
    const field = target.elements.csrfmiddlewaretoken;
    if (field && token()) field.value = token();
});

/** Escape closes an open menu, and does nothing else meanwhile. */
function leaveToMenu(event) {
    if (event.key === "Escape" && document.querySelector(":popover-open")) event.stopPropagation();
}

addEventListener("keydown", leaveToMenu, { capture: true });

document.addEventListener("htmx:responseError", (event) => {
    const { status, responseText } = event.detail.xhr;
    let text = say("answered", { status });
    try {
        text = JSON.parse(responseText).error.message;
    } catch {
        // not an error body of ours: its number must do
    }
    notify(text, { problem: true });
});

document.addEventListener("htmx:sendError", () => notify(say("unreachable"), { problem: true }));

/** Sends JSON; resolves with the answer, or rejects with an Error that says what is wrong in the server's words. */
export async function send(path, body = {}) {
    let response;
    try {
        response = await fetch(path, {
            method: "POST",
            headers: { "Content-Type": "application/json", "X-CSRFToken": token() },
            body: JSON.stringify(body),
        });
    } catch {
        throw new Error(say("unreachable"));
    }
    const answer = await response.json().catch(() => null);
    if (response.ok && answer) return answer;
    throw new Error(answer?.error?.message ?? say("answered", { status: response.status }));
}

/**
 * Change tasks a hundred at a time. One group id holds the requests together, so that all are taken back at once.
 * What fails on the way rejects with an Error that has the `group_id`, and how many are `done` and `changed` by then.
 * @param {(part: object[], group_id: string) => Promise<number>} change  resolves with how many tasks it changed
 * @param {(done: number) => void} [onProgress]  may throw to stop
 * @returns {Promise<{group_id: string, changed: number}>}
 */
export async function inBatches(tasks, change, onProgress = () => {}) {
    const group_id = crypto.randomUUID();
    let changed = 0;
    let done = 0;
    try {
        while (done < tasks.length) {
            const part = tasks.slice(done, done + 100);
            changed += await change(part, group_id);
            done += part.length;
            onProgress(done);
        }
    } catch (error) {
        throw Object.assign(error, { group_id, changed, done });
    }
    return { group_id, changed };
}

/** Approve, reject or flag tasks: `{flow_execution_id, task_name}` each. */
export function decide(kind, tasks, note = "", onProgress = () => {}) {
    const change = async (part, group_id) => (await send("/decisions", { kind, tasks: part, note, group_id })).changed;
    return inBatches(tasks, change, onProgress);
}

/** Tells what was decided, with a button that takes it back. */
export function offerUndo(text, group_id, onUndone = () => {}) {
    return notify(text, { action: { label: words.undo, run: () => undo(group_id, onUndone) } });
}

export async function undo(group_id, onUndone = () => {}) {
    try {
        await send(`/decisions/${group_id}/undo`);
        notify(words.undone);
        onUndone();
    } catch (error) {
        notify(error.message, { problem: true });
    }
}
