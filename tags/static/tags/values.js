// What a value's panel can do: be shown as JSON, be copied, show more.

import { notify } from "./desk.js";

// More than this a browser does not show well in one piece; the link opens it by itself.
const MOST_SHOWN = 2_000_000;

async function fetchText(path) {
    const response = await fetch(path);
    if (!response.ok) throw new Error(`The server answered ${response.status}.`);
    return response.text();
}

async function toggleRaw(link) {
    const panel = document.getElementById(link.dataset.raw);
    const shown = panel.querySelector(":scope > .whole-json");
    if (shown) {
        shown.remove();
        for (const child of panel.children) child.hidden = false;
    } else {
        const text = await fetchText(link.href);
        if (text.length > MOST_SHOWN) return location.assign(link.href);
        const whole = document.createElement("pre");
        whole.className = "text whole-json";
        whole.tabIndex = 0;
        whole.textContent = text;
        for (const child of panel.children) child.hidden = true;
        panel.append(whole);
    }
    link.setAttribute("aria-pressed", String(!shown));
}

async function copy(button) {
    await navigator.clipboard.writeText(await fetchText(button.dataset.copy));
    notify(button.dataset.done);
}

document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy], [data-raw]");
    if (!button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    try {
        await (button.dataset.raw ? toggleRaw(button) : copy(button));
    } catch (error) {
        notify(error.message, { problem: true });
    }
});

/** Offer what this browser can do. */
export function setUpValues(root) {
    for (const link of root.querySelectorAll("[data-raw]")) {
        link.role = "button";
        link.setAttribute("aria-pressed", "false");
    }
    if (!navigator.clipboard) return;
    for (const button of root.querySelectorAll("[data-copy]")) button.hidden = false;
}

// Who pressed "show more" goes on reading where the new part begins.
document.addEventListener("htmx:afterSwap", ({ detail }) => {
    if (document.activeElement !== document.body || !detail.elt?.isConnected) return;
    const next = detail.elt.matches("a, summary") ? detail.elt : detail.elt.querySelector("a, summary");
    next?.focus({ preventScroll: true });
});
