// Correcting an output: what was typed survives a reload, a lost server and a closed tab.


const form = document.querySelector("form[data-draft]");
const output = document.getElementById("output");
const key = `tagsite.output ${form.dataset.draft}`;
const sent = output.value;

// Restored only over what the server gave first: after that the form itself holds what was typed.
const draft = localStorage.getItem(key);
const isFirst = !document.querySelector("[role=alert], #difference-title");
if (isFirst && draft !== null && draft !== sent) {
    output.value = draft;
    const told = document.createElement("p");
    told.className = "quiet-text";
    told.role = "status";
    told.textContent = `${form.dataset.restored} `;
    const drop = document.createElement("button");
    drop.type = "button";
    drop.className = "quiet";
    drop.textContent = form.dataset.discard;
    drop.addEventListener("click", () => {
        localStorage.removeItem(key);
        output.value = sent;
        told.remove();
        output.focus();
    });
    told.append(drop);
    form.before(told);
}

output.addEventListener("input", () => localStorage.setItem(key, output.value));
document.getElementById("cancel").addEventListener("click", () => localStorage.removeItem(key));

// The cursor goes to where the JSON breaks.
const { line, column } = document.getElementById("problem")?.dataset ?? {};
if (line) {
    const before = output.value.split("\n").slice(0, line - 1);
    const place = before.reduce((sum, text) => sum + text.length + 1, 0) + Number(column) - 1;
    output.focus();
    output.setSelectionRange(place, place + 1);
}

output.addEventListener("keydown", (event) => {
    if (event.key === "Escape") output.blur();
});
