// The state of the connection, as the page shows it (templates/review/line.html).

/** `onState` of live.js. */
export function showLine(state) {
    const line = document.getElementById("line");
    if (!line) return;
    line.dataset.state = state;
    line.querySelector(".word").textContent = line.dataset[state];
    line.querySelector(".why").textContent = line.dataset[`${state}Why`] ?? "";
}
