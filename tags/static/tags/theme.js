// Light, dark, or as the device has it: chosen in the menu or the palette, shown at once and kept for next time.

import { notify, say } from "./desk.js";

const form = document.getElementById("theme");
const root = document.documentElement;

form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const before = root.dataset.theme;
    show(event.submitter.value);
    const body = new FormData(form, event.submitter);
    const response = await fetch(form.action, { method: "POST", body, redirect: "manual" }).catch(() => null);
    if (response?.ok || response?.type === "opaqueredirect") return;
    show(before);
    notify(response ? say("answered", { status: response.status }) : say("unreachable"), { problem: true });
});

function show(theme) {
    root.dataset.theme = theme;
    for (const button of form.querySelectorAll("button")) {
        button.setAttribute("aria-pressed", String(button.value === theme));
    }
}

show(root.dataset.theme);
