// The command palette: go to a page, a task or a run, act on what is shown, work in another organization.

const PAUSE = 120; // milliseconds after the last key before the server is asked

const dialog = document.getElementById("palette");
const input = dialog.querySelector("input");
const list = dialog.querySelector("[role=listbox]");
const { actions, pages, none, path } = dialog.dataset;

let found = []; // what the server knows for the words
let options = []; // as they are listed: {group, label, detail, keys, run}
let chosen = 0;
let timer;
let asking = new AbortController();

// What can be done

function onPage() {
    const inMain = [...document.querySelectorAll("main [data-command]")].filter((element) => element.checkVisibility());
    const inFrame = document.querySelectorAll(".frame [data-command]"); // in a closed menu too
    return [...inMain, ...inFrame].filter((element) => !element.disabled).map((element) => ({
        group: element.dataset.group ?? actions,
        label: element.dataset.command,
        keys: element.getAttribute("aria-keyshortcuts") ?? "",
        run: () => (element.matches("input, textarea") ? element.focus() : element.click()),
    }));
}

function toPages() {
    return [...document.querySelectorAll(".frame :is(nav, .menu) a")].map((link) => ({
        group: pages,
        label: link.textContent.trim(),
        keys: link.dataset.go ? `g ${link.dataset.go}` : "",
        run: () => link.click(),
    }));
}

function known(item) {
    return { ...item, run: () => location.assign(item.path) };
}

/** All words occur, in any order. */
function matches({ label }, words) {
    const text = label.toLowerCase();
    return words.every((word) => text.includes(word));
}

// The list

function show() {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    options = [...onPage(), ...toPages()].filter((option) => matches(option, words)).concat(found.map(known));
    chosen = 0;
    list.replaceChildren(...[...grouped(options)].map(([title, members]) => groupElement(title, members)));
    dialog.querySelector("[role=status]").textContent = options.length === 0 ? none : "";
    mark();
}

function grouped(all) {
    const groups = new Map();
    for (const option of all) groups.set(option.group, [...(groups.get(option.group) ?? []), option]);
    return groups;
}

function groupElement(title, members) {
    const group = element("div", { role: "group", "aria-label": title });
    group.append(element("p", { class: "group", "aria-hidden": "true" }, title), ...members.map(optionElement));
    return group;
}

function optionElement(option) {
    const number = options.indexOf(option);
    const row = element("div", { role: "option", id: `option-${number}`, "data-number": number });
    row.append(element("span", { class: "label" }, option.label));
    if (option.detail) row.append(element("span", { class: "quiet-text" }, option.detail));
    if (option.keys) {
        const keys = element("span", { class: "keys" });
        keys.append(...option.keys.split(" ").map((key) => element("kbd", {}, key)));
        row.append(keys);
    }
    return row;
}

function element(name, attributes, text = "") {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
}

function mark() {
    for (const row of list.querySelectorAll("[role=option]")) {
        row.setAttribute("aria-selected", String(Number(row.dataset.number) === chosen));
    }
    const row = document.getElementById(`option-${chosen}`);
    if (row) input.setAttribute("aria-activedescendant", row.id);
    else input.removeAttribute("aria-activedescendant");
    row?.scrollIntoView({ block: "nearest" });
}

function move(to) {
    if (options.length === 0) return;
    chosen = (to + options.length) % options.length;
    mark();
}

function choose(number) {
    const option = options[number];
    if (!option) return;
    dialog.close();
    option.run();
}

// What the server knows

async function ask() {
    asking.abort();
    asking = new AbortController();
    const query = new URLSearchParams({ q: input.value.trim() });
    try {
        const response = await fetch(`${path}?${query}`, { signal: asking.signal, headers: { Accept: "application/json" } });
        found = response.ok && !response.redirected ? (await response.json()).items : [];
    } catch (error) {
        if (error.name === "AbortError") return;
        found = []; // the pages and actions are there without the server
    }
    const was = options[chosen]?.label;
    show();
    move(Math.max(0, options.findIndex(({ label }) => label === was)));
}

function open() {
    if (document.querySelector("dialog[open]")) return;
    input.value = "";
    found = [];
    dialog.showModal();
    show();
    ask();
}

document.getElementById("open-palette").addEventListener("click", open);
document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || event.key.toLowerCase() !== "k") return;
    event.preventDefault();
    if (dialog.open) dialog.close();
    else open();
});
input.addEventListener("input", () => {
    show();
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE);
});
input.addEventListener("keydown", (event) => {
    const steps = { ArrowDown: chosen + 1, ArrowUp: chosen - 1, Home: 0, End: options.length - 1 };
    if (event.key === "Enter" && !event.isComposing) choose(chosen);
    else if (event.key in steps && !((event.key === "Home" || event.key === "End") && input.value)) move(steps[event.key]);
    else return;
    event.preventDefault();
});
list.addEventListener("click", ({ target }) => {
    const row = target.closest("[role=option]");
    if (row) choose(Number(row.dataset.number));
});
dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
