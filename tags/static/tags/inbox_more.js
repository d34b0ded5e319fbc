// The tasks behind those on the page: fetched when few are left, or when only a part of the list was looked at.

import { notify } from "./desk.js";
import { byId, figure, keyOf, list, makeCurrent, rows, say, shown, words } from "./inbox_list.js";
import { showSelection } from "./inbox_select.js";

const FEW_LEFT = 20; // with fewer tasks on the page the next ones are fetched
/** What is done with each row that comes. */
export const arrivals = new Set();
/** How many tasks were `decided` here. */
export const tally = { decided: 0 };
const MOST_LOOKED_INTO = 50; // pages, until somebody asks for more
let isLoading = false;

byId("more").addEventListener("click", (event) => {
    if (!event.target.closest("a") || event.metaKey || event.ctrlKey || !list) return;
    event.preventDefault();
    loadMore().then(lookFurther);
});

const isPartial = () => "partial" in byId("looked").dataset;

/** A page of few tasks, because only so many rows were looked at, goes on by itself. */
async function lookFurther() {
    for (let pages = 0; pages < MOST_LOOKED_INTO && isPartial() && shown().length < FEW_LEFT; pages++) {
        if (!(await loadMore())) return;
    }
}

export function fillUp() {
    const left = shown().length;
    const link = byId("more").querySelector("a");
    if (link && left < FEW_LEFT) loadMore().then(lookFurther);
    const isOver = left === 0 && !link && !byId("none");
    if (isOver) {
        byId("done").querySelector("p").textContent = say("all_done_more", { count: figure(tally.decided) });
    }
    byId("done").hidden = !isOver;
    const bar = document.querySelector(".select-bar");
    if (bar) bar.hidden = left === 0;
}

/** Whether there were any, or may be more. */
async function loadMore() {
    const link = byId("more").querySelector("a");
    if (!link || isLoading) return false;
    isLoading = true;
    link.setAttribute("aria-busy", "true");
    try {
        const response = await fetch(link.href, { headers: { "X-Part": "list" } });
        if (!response.ok || response.redirected) throw new Error(words.page_failed);
        takeIn(new DOMParser().parseFromString(await response.text(), "text/html"));
    } catch {
        notify(words.page_failed, { problem: true });
        return false;
    } finally {
        isLoading = false;
        link.removeAttribute("aria-busy");
    }
    showSelection();
    if (shown().length === 0) fillUp();
    return true;
}

function takeIn(fetched) {
    const hadNone = shown().length === 0;
    for (const row of fetched.querySelectorAll("#tasks > .task")) {
        if (rows.has(keyOf(row))) continue;
        row.tabIndex = -1;
        list.append(document.adoptNode(row));
        rows.set(keyOf(row), row);
        for (const arrived of arrivals) arrived(row);
    }
    byId("more").replaceChildren(...fetched.getElementById("more").children);
    tellLooked(fetched.getElementById("looked").dataset);
    if (shown().length === 0) return byId("none")?.replaceWith(...fetched.querySelectorAll("#none"));
    byId("none")?.remove();
    document.querySelector(".select-bar")?.toggleAttribute("hidden", false);
    if (hadNone) makeCurrent(shown()[0], { focus: tally.decided > 0 });
}

/** How much of the list has been looked at, where that had to be told before. */
function tellLooked({ looked, partial }) {
    const place = byId("looked");
    if (!isPartial()) return;
    place.dataset.looked = Number(place.dataset.looked) + Number(looked);
    place.toggleAttribute("data-partial", partial !== undefined);
    const word = partial === undefined ? "looked_all" : "looked";
    place.textContent = say(word, { count: figure(shown().length), looked: figure(Number(place.dataset.looked)) });
}

if (list) lookFurther();
