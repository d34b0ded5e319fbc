// Keys that are pressed while the page's modules still load are kept, and pressed again when all have run. A classic
// script in the head, so that it is there before there is anything to see.

{
    const early = [];

    function keep(event) {
        if (event.ctrlKey || event.metaKey || event.altKey) return; // the browser's own
        if (event.target.closest?.("input, textarea, select, [contenteditable]")) return; // somebody writes
        event.stopImmediatePropagation(); // or the modules that are there already would take a part of it
        early.push(event);
    }

    addEventListener("keydown", keep, { capture: true });
    document.addEventListener("DOMContentLoaded", () => {
        removeEventListener("keydown", keep, { capture: true });
        for (const event of early) (document.activeElement ?? document.body).dispatchEvent(new KeyboardEvent("keydown", event));
    });
}
