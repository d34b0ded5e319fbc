// The page of a run: its tasks as they are now.

import { connect } from "./live.js";
import { setUpValues } from "./values.js";

const PAUSE = 300; // milliseconds without events after which the page is brought up to date,
const LONGEST = 2_000; // and at the latest

const { execution, position } = document.querySelector("article.run").dataset;
let timer;
let since = 0;

function refreshSoon() {
    clearTimeout(timer);
    since ||= Date.now();
    timer = setTimeout(refresh, Math.max(0, Math.min(PAUSE, since + LONGEST - Date.now())));
}

function refresh() {
    since = 0;
    htmx.trigger(document.body, "refresh-run");
}
setUpValues(document);
connect({ after: position, filter: { flow_execution_id: execution }, onEvent: refreshSoon, onReset: refreshSoon });
