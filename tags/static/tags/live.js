/**
 * An organization's stream of events in a page: every event once and in order, over lost lines too.
 * docs/live.md ("In a page: live.js") shows how to use it. No dependencies.
 */

const HEARTBEAT = 20_000; // milliseconds
const SILENCE = 50_000; // the server is heard each 20 s; after this long the line is dead
const SHORTEST_BACKOFF = 250;
const LONGEST_BACKOFF = 30_000;
const PRESENCE = 4_000; // the server forgets a reader whom it has not heard for 10 s
const LOOKED_AWAY = 60_000; // who has not looked at the page for so long is not there
const MOST_WAITING = 10_000; // messages that wait for the handlers; with more the line is let go until half are done

// After these it does not come back by itself, because it would be refused again.
const REFUSALS = { 4401: "not_authenticated", 4403: "forbidden", 4410: "credential_ended" };
const INTERRUPTIONS = { 1012: "restarting", 1013: "unavailable", 4429: "too_slow" };

/**
 * @typedef {"connecting" | "live" | "reconnecting" | "offline"} State
 *   `offline` is for good: make a new connection, with `after` the old one's `position`.
 *
 * @typedef {object} Options
 * @property {string | URL} [url] the socket's address; by default `/ws/events` of the server that this file came from
 * @property {number | bigint | string | null} [after] hear what came after this position; null: from now on
 * @property {{flow_execution_id?: string, task_name?: string, types?: string[], tag_type?: string}} [filter]
 * @property {(event: object, position: number) => unknown} onEvent is given one CloudEvent after another; if it
 *   returns a promise, the next waits for that. If it fails, the event comes again on a new line, after a pause.
 * @property {(position: number) => unknown} [onReset] what was missed cannot be sent: load the page's state afresh. The
 *   events after this position follow when it is done; it fails as onEvent does.
 * @property {(state: State, reason: string, detail: string) => void} [onState] `reason` is one word: of `offline` it is
 *   not_authenticated, forbidden, credential_ended, refused (see `detail`) or closed.
 * @property {{flow_execution_id: string, task_name: string} | "watch"} [presence] the task that the reader has open, or
 *   "watch" to hear of all tasks that people have open. For people alone.
 * @property {(tasks: {flow_execution_id: string, task_name: string, people: {actor: string, name: string,
 *   since: string}[]}[], isComplete: boolean) => void} [onPresence] who is at these tasks now; `isComplete`: and nobody
 *   is anywhere else. What was told before a line was lost no longer counts.
 * @property {() => Promise<string>} [ticket] fetches a new one-time ticket, for pages of another origin
 *
 * @param {Options} options
 * @returns {{close(): void, readonly position: number | null, readonly state: State}} `position` is that of the newest
 *   event whose handler is done, or a later one up to which nothing was selected; null until it is known
 */
export function connect(options) {
    return new Connection(options);
}

class Connection {
    #options;
    #url;
    #filter;
    #position;
    #state = "connecting";
    #attempts = 0; // since something good was last heard
    #line = null; // what is heard of any other line no longer counts
    #queue = [];
    #isWorking = false;
    #retryTimer;
    #silenceTimer;
    #beatTimer;
    #presenceTimer;
    #listeners = new AbortController();

    constructor({ url, after = null, filter = {}, ...options }) {
        this.#url = new URL(url ?? "/ws/events", import.meta.url);
        this.#url.protocol = this.#url.protocol.replace("http", "ws");
        this.#position = after === null ? null : toPosition(after);
        this.#filter = Object.fromEntries(Object.entries(filter).filter(([, wanted]) => wanted != null));
        this.#options = options;
        const { signal } = this.#listeners;
        addEventListener("offline", () => this.#line && this.#lose("no_network"), { signal });
        addEventListener("online", () => this.#hasten(), { signal });
        document.addEventListener("visibilitychange", () => document.hidden || this.#comeBack(), { signal });
        this.#open();
    }

    get position() {
        return this.#position;
    }

    get state() {
        return this.#state;
    }

    close() {
        this.#end("closed");
    }

    // The line

    async #open() {
        if (this.#queue.length > MOST_WAITING / 2) return this.#lose("too_slow");
        const line = (this.#line = {});
        const isCurrent = () => line === this.#line;
        this.#awaitSound();
        try {
            line.ticket = await this.#options.ticket?.();
        } catch (error) {
            return isCurrent() && this.#fail("no_ticket", error);
        }
        if (!isCurrent()) return;
        line.socket = new WebSocket(this.#url);
        line.socket.onopen = () => isCurrent() && this.#greet(line);
        line.socket.onmessage = ({ data }) => isCurrent() && this.#hear(line, data);
        line.socket.onclose = ({ code, reason }) => {
            if (!isCurrent()) return;
            if (code in REFUSALS) this.#end(REFUSALS[code], reason);
            else this.#lose(INTERRUPTIONS[code] ?? "connection_lost", reason);
        };
    }

    #greet(line) {
        this.#beatTimer = setInterval(() => say(line, { type: "heartbeat" }), HEARTBEAT);
        if (line.ticket === undefined) this.#hear(line, '{"type":"authenticated"}'); // by cookie: as good as told so
        else say(line, { type: "authenticate", ticket: line.ticket });
    }

    #awaitSound() {
        clearTimeout(this.#silenceTimer);
        this.#silenceTimer = setTimeout(() => this.#lose("silent"), SILENCE);
    }

    #letGo() {
        clearTimeout(this.#retryTimer);
        clearTimeout(this.#silenceTimer);
        clearInterval(this.#beatTimer);
        clearInterval(this.#presenceTimer);
        this.#line?.socket?.close();
        this.#line = null;
    }

    #lose(reason, detail = "") {
        if (this.#state === "offline") return;
        this.#letGo();
        // "Full jitter": many pages that lost one server must not come back all at once.
        const longest = Math.min(LONGEST_BACKOFF, SHORTEST_BACKOFF * 2 ** this.#attempts++);
        this.#retryTimer = setTimeout(() => this.#open(), Math.random() * longest);
        this.#tell("reconnecting", reason, detail);
    }

    /** Lose the line and forget what waits: it must not be handled before what failed, and all of it comes again. */
    #fail(reason, error) {
        if (this.#state === "offline") return;
        console.error(`live.js: ${reason}`, error);
        this.#queue.length = 0;
        this.#lose(reason, String(error));
    }

    #end(reason, detail = "") {
        if (this.#state === "offline") return;
        this.#letGo();
        this.#listeners.abort();
        this.#queue.length = 0;
        this.#tell("offline", reason, detail);
    }

    #comeBack() {
        this.#hasten();
        if (this.#state === "live") this.#attend(this.#line);
    }

    #hasten() {
        if (this.#state !== "reconnecting") return;
        this.#letGo();
        this.#open();
    }

    #tell(state, reason = "", detail = "") {
        this.#state = state;
        try {
            this.#options.onState?.(state, reason, detail);
        } catch (error) {
            console.error("live.js: onState failed", error);
        }
    }

    // What is heard, one message after another

    #hear(line, text) {
        this.#awaitSound();
        this.#queue.push({ line, text });
        if (this.#queue.length > MOST_WAITING) this.#lose("too_slow");
        this.#work();
    }

    async #work() {
        if (this.#isWorking) return;
        this.#isWorking = true;
        while (this.#queue.length > 0) {
            const { line, text } = this.#queue.shift();
            try {
                await this.#handle(line, JSON.parse(text));
            } catch (error) {
                this.#fail(error instanceof GapError ? "gap" : "handler_failed", error);
            }
        }
        this.#isWorking = false;
    }

    async #handle(line, message) {
        const isCurrent = line === this.#line;
        if (message.type === "authenticated" && isCurrent) {
            say(line, { ...this.#filter, type: "subscribe", after: this.#position });
            this.#beginToAttend(line);
        } else if (message.type === "subscribed") {
            this.#position ??= toPosition(message.position);
            if (isCurrent) this.#tell("live");
        } else if (message.type === "reset") {
            await this.#options.onReset?.(toPosition(message.position));
            this.#position = toPosition(message.position);
            if (line === this.#line && this.#state !== "live") this.#tell("live");
        } else if (message.type === "event") {
            await this.#handOver(message.event);
        } else if (message.type === "heartbeat") {
            this.#advance(message.position);
        } else if (message.type === "presence") {
            if (isCurrent) this.#options.onPresence?.(message.tasks, message.is_complete);
        } else if (message.type === "error" && message.error.code === "validation_error") {
            this.#end("refused", JSON.stringify(message.error.details ?? message.error.message));
        }
    }

    #beginToAttend(line) {
        const { presence } = this.#options;
        if (presence === "watch") say(line, { type: "watch_presence" });
        if (!presence || presence === "watch") return;
        this.#attend(line);
        this.#presenceTimer = setInterval(() => this.#attend(line), PRESENCE);
    }

    #attend(line) {
        const { presence } = this.#options;
        if (!presence || presence === "watch") return;
        say(line, hasLookedAway() ? { type: "absent" } : { ...presence, type: "present" });
    }

    async #handOver(event) {
        const position = toPosition(event.sequence);
        if (position <= this.#position) return; // sent again
        this.#mustFollow(position - 1);
        await this.#options.onEvent(event, position);
        this.#position = position;
        this.#attempts = 0;
    }

    /** A heartbeat's position: everything up to there has been sent. */
    #advance(position) {
        this.#attempts = 0;
        if (position === null || this.#position === null || position <= this.#position) return;
        this.#mustFollow(position);
        this.#position = toPosition(position);
    }

    /** The server leaves nothing out; should anything between ever do so, it is asked for again. */
    #mustFollow(position) {
        const hasFilter = Object.keys(this.#filter).length > 0;
        if (!hasFilter && position !== this.#position) {
            throw new GapError(`${this.#position} was the newest position, and yet ${position} has been passed`);
        }
    }
}

class GapError extends Error {}

let hiddenSince = document.hidden ? Date.now() : Infinity;
document.addEventListener("visibilitychange", () => (hiddenSince = document.hidden ? Date.now() : Infinity));

function hasLookedAway() {
    return Date.now() - hiddenSince > LOOKED_AWAY;
}

function say(line, message) {
    if (line.socket.readyState === WebSocket.OPEN) line.socket.send(JSON.stringify(message));
}

/** Positions are exact as a Number up to 2^53 - 1; a stream at a thousand events a second gets there in 285,000 years. */
function toPosition(value) {
    const position = /^\d+$/.test(value) ? Number(value) : NaN;
    if (!Number.isSafeInteger(position)) throw new RangeError(`not a position: ${value}`);
    return position;
}
