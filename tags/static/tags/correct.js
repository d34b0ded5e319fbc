// Correcting an output: what was typed survives, and what others do meanwhile is told before one saves.

import { forget, keep } from "./kept.js";
import { showLine } from "./line.js";
import { connect } from "./live.js";
import { inWords, Others } from "./presence.js";

const form = document.querySelector("form[data-draft]");
const output = document.getElementById("output");
const { draft, actor, execution, name, position } = form.dataset;
const key = `tagsite.output ${actor} ${draft}`;
const sent = output.value;

// Restored only over what the server gave first: after that the form itself holds what was typed.
if (!document.querySelector("[role=alert]:not(#changed), #difference-title")) {
    if (keep(output, key)) tellOfDraft();
} else {
    remember();
    output.addEventListener("input", remember);
}

function remember() {
    localStorage.setItem(key, output.value);
}

function tellOfDraft() {
    const told = document.createElement("p");
    told.className = "quiet-text";
    told.role = "status";
    told.textContent = `${form.dataset.restored} `;
    const drop = document.createElement("button");
    drop.type = "button";
    drop.className = "quiet small";
    drop.textContent = form.dataset.discard;
    drop.addEventListener("click", () => {
        forget(key);
        output.value = sent;
        told.remove();
        output.focus();
    });
    told.append(drop);
    form.before(told);
}

document.getElementById("cancel").addEventListener("click", () => forget(key));

// The cursor goes to where the JSON breaks.
const { line, column } = document.getElementById("problem")?.dataset ?? {};
if (line) {
    const before = output.value.split("\n").slice(0, line - 1);
    const place = before.reduce((sum, text) => sum + text.length + 1, 0) + Number(column) - 1;
    output.focus();
    output.setSelectionRange(place, place + 1);
}

// Others

const others = new Others(actor);
const people = document.getElementById("people");

function showOthers(tasks, isComplete) {
    others.hear(tasks, isComplete);
    const here = others.at(`${execution}/${name}`);
    people.hidden = here.length === 0;
    if (here.length > 0) people.textContent = inWords(here.length > 1 ? people.dataset.many : people.dataset.one, here);
}

function hear({ data }) {
    if (data.id === draft) document.getElementById("changed").hidden = false;
}

connect({
    after: position,
    filter: { flow_execution_id: execution, task_name: name, types: ["task_execution.updated"] },
    presence: { flow_execution_id: execution, task_name: name },
    onEvent: hear,
    onReset: () => {}, // nothing is shown of the past, and saving finds every conflict
    onPresence: showOthers,
    onState: showLine,
});
