// The views of the inbox: how many tasks wait in each, and their menus.

const PAUSE = 3000; // milliseconds in which changes that come together are counted together

const place = document.getElementById("views");
const figures = new Map([...place.querySelectorAll("[data-view]")].map((tab) => [tab.dataset.view, tab.querySelector(".figure")]));
let timer = 0;
let isStale = false; // something changed while nobody looked

/** Count again, when things have calmed down a little. */
export function countViewsSoon() {
    if (document.hidden) isStale = true;
    else if (timer === 0 && figures.size > 0) timer = setTimeout(countViews, PAUSE);
}

async function countViews() {
    timer = 0;
    isStale = false;
    const response = await fetch(document.getElementById("inbox").dataset.viewCounts).catch(() => null);
    // Without an answer the figures stay as they are; the page says itself when it has lost the server.
    if (!response?.ok || response.redirected) return;
    const { counts } = await response.json();
    for (const [id, figure] of figures) figure.textContent = counts[id] ?? "";
}

for (const menu of place.querySelectorAll(".view-menu")) {
    menu.addEventListener("toggle", () => menu.open && menu.querySelector("input:not([type=hidden])").focus());
    menu.addEventListener("keydown", (event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        menu.open = false;
        menu.querySelector("summary").focus();
    });
}
document.addEventListener("click", ({ target }) => {
    for (const menu of place.querySelectorAll(".view-menu[open]")) if (!menu.contains(target)) menu.open = false;
});
document.addEventListener("visibilitychange", () => isStale && countViewsSoon());
place.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });

if (figures.size > 0) countViews();
