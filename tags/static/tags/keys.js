// Keys on every page. An element says in aria-keyshortcuts which key presses it, and in data-go which one after "g".

const AFTER_G = 1500; // milliseconds in which the second key comes

let wentAt = -Infinity;

export function isTyping(target) {
    return target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]") != null;
}

function shown(attribute, key) {
    const elements = document.querySelectorAll(`[${attribute}~="${CSS.escape(key)}"]`);
    // The frame's hide where there is no room for them, and work all the same.
    return [...elements].find((one) => !one.disabled && (one.checkVisibility() || one.closest(".frame")));
}

function keyOf({ key, shiftKey }) {
    return key.length === 1 && !shiftKey ? key.toLowerCase() : key; // also with the caps lock on
}

document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing) return;
    if (document.querySelector("dialog[open]")) return;
    if (isTyping(event.target)) {
        if (event.key === "Escape") event.target.blur();
        return;
    }
    const key = keyOf(event);
    const hasGone = performance.now() - wentAt < AFTER_G;
    wentAt = key === "g" ? performance.now() : -Infinity;
    const element = hasGone ? shown("data-go", key) : shown("aria-keyshortcuts", key);
    if (!element) return;
    event.preventDefault();
    if (isTyping(element)) element.focus();
    else element.click();
});

const help = document.getElementById("help");
document.getElementById("open-help")?.addEventListener("click", () => help.showModal());
