"""What Tagsite promises, how each promise is attacked, and the bugs that must turn each attack red.

A promise's name is the module here whose `attack(count, seed)` gives its figures, or raises AssertionError if the
promise is broken. The names of planted bugs are those of the modules in tests/prove/planted.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Planted:
    """A bug for the control of an attack, which is then made with `count`."""

    name: str
    says: str
    count: int
    shows: str  # a regular expression that the words of the broken promise match: red by accident is no control


@dataclass(frozen=True)
class Promise:
    name: str
    says: str
    attack: str  # with {count}
    short: int
    full: int
    planted: tuple[Planted, ...]


_ALL = [
    Promise(
        "api",
        "No request makes a 500, and every answer is as documented",
        "schemathesis makes {count} requests from the OpenAPI document, right ones and wrong ones, half of them"
        " with ids that exist, as a program, an admin, a reviewer, a viewer and as nobody. Each answer is held"
        " against the document by schemathesis and by the tests' own stricter check.",
        5_000,
        100_000,
        (
            Planted("a_500", "NUL characters and lone surrogates are let through to PostgreSQL", 2_000, "-> 500: "),
            Planted("another_status", "what does not exist is answered 410", 500, "-> 410: "),
        ),
    ),
    Promise(
        "hostile",
        "Hostile input is refused clearly and changes nothing",
        "{count} requests of ten kinds (types, Unicode, numbers, unknown fields, depth, size, headers, encodings,"
        " paths, and one wrong operation after up to 99 good ones) to every write, byte for byte over a socket. A"
        " refusal is the contract's error, and every row version of the organization is the same before and after.",
        1_000,
        10_000,
        (
            Planted("a_500", "NUL characters and lone surrogates are let through to PostgreSQL", 500, ": 500 "),
            Planted("kept_before_refused", "operations are applied one by one", 500, "something was changed"),
        ),
    ),
    Promise(
        "engine",
        "The engine does what the model of the contract says",
        "Hypothesis' state machine drives engine and model side by side, {count} runs of 50 steps: batches that"
        " meet each other's tags, metadata in every notation, unknown targets, failing statements, deleted runs."
        " Answers, tags and events are compared.",
        200,
        10_000,
        (Planted("rounded_numbers", "metadata's numbers are read as doubles", 40, "assert "),),
    ),
    Promise(
        "linear",
        "Batches are linearizable",
        "50 clients send {count} batches over 20 hot tags to two web processes. The changes are replayed in"
        " stream order on the model: every answer must be the model's, what was answered before another began must"
        " stand before it, and a batch that changed nothing must fit a moment between its request and its answer.",
        5_000,
        100_000,
        (Planted("no_locks", "the batch locks no flow execution", 2_000, "the model says|: 500 "),),
    ),
    Promise(
        "kills",
        "An acknowledged batch is kept, an unacknowledged one is whole or absent, and a retry is safe",
        "kill -9 of web processes and of PostgreSQL, {count} times in turn and at random moments, while 8 clients"
        " write batches of 5. Half of what was lost on the way is repeated until it is acknowledged. In the end"
        " tags and events must agree, and each batch that was never acknowledged is sent once more: its answer"
        " must say what is stored.",
        20,
        1_000,
        (
            Planted(
                "lazy_commit",
                "PostgreSQL acknowledges before the change is on disk",
                6,
                r"was acknowledged, and \d of its",
            ),
            Planted("halved_batch", "tags are committed before their events", 4, "tags and events differ"),
        ),
    ),
    Promise(
        "tenants",
        "Nobody sees another organization",
        "Every URL of the URL configuration (API, pages, admin), by every method, as a program, as people with a token"
        " and in a browser, and as nobody, names rows of another organization: in its path the ids of what it is about"
        " and {count} of other tables (0: one of every table), in its query and body all names that there are. The"
        " answer must be, word for word, the one for ids of nothing, and the other's rows stay as they were. So do"
        " sockets. In three modes: both layers of tenancy, the database's policies alone, the application's filters"
        " alone; in the latter two as those who may do everything.",
        2,
        0,
        (
            Planted(
                "no_filters",
                "no query of the application names the organization (found by the filters' mode)",
                1,
                "^filters alone: .* shows ",
            ),
            Planted(
                "open_table",
                "the policy of one table lets everybody in (found by the policies' mode)",
                1,
                "^policies alone.* shows ",
            ),
        ),
    ),
    Promise(
        "watchers",
        "Live clients miss nothing",
        "8 writers make {count} events and stall now and then, with their events not committed; 16 sockets and 4 long"
        " polls listen, on lines that break every second or so. Each must hear 1..N without gap or repeat, or be told"
        " to reset; and all the same.",
        10_000,
        1_000_000,
        (
            Planted(
                "bell_only",
                "what is missed while nobody hears the bell is not read again",
                2_000,
                "a client heard up to",
            ),
        ),
    ),
    Promise(
        "outages",
        "A full disk, a lost and a frozen database: clients are told, and nothing acknowledged is lost",
        "PostgreSQL on a disk of 200 MB that is filled; killed, and started again later; stopped by SIGSTOP with all"
        " connections open; {count} times each. Every answer must be 200 or 503 with Retry-After and come within 20 s,"
        " reads go on for as long as PostgreSQL does, and 10 s after its return all is as before.",
        1,
        50,
        (
            Planted("endless_patience", "a statement is waited for as long as it takes", 1, "was not answered within"),
            Planted("fault_of_ours", "a database that is away is answered 500", 1, ": 500 .*repository_error"),
        ),
    ),
    Promise(
        "clocks",
        "Clocks may lie",
        "Three web processes, one with its clock a day ahead and one a day behind (libfaketime), take {count} pairs of"
        " writes in turn. Positions and the order of each writer's changes, the order of lists by time, and every time"
        " that is told must be as if all clocks were right.",
        400,
        20_000,
        (
            Planted(
                "web_clock", "what is recorded is dated by the web process", 40, "is said to be of|in another order"
            ),
        ),
    ),
    Promise(
        "leaks",
        "Nothing leaks",
        "{count} s of batches, reads, bad requests, pages, sockets and long polls that are given up, after 60 s of the"
        " same in which caches fill: memory may grow by less than 5 MB, and file handles, threads and connections by"
        " less than 4. All the while the server collects its garbage every 5 s (`planted/prompt_collector.py`): Python"
        " leaves what refers to itself for minutes, and waves of some 5 MB would hide a leak, or look like one.",
        120,
        7_200,
        (
            Planted(
                "hoard",
                "each request leaves 20 kB behind, and one in a hundred a file handle",
                30,
                "(memory|handles) grew",
            ),
        ),
    ),
    Promise(
        "tampering",
        "The record shows tampering",
        "A superuser makes {count} edits of the sealed events, past every policy and foreign key: each column changed,"
        " rows removed, inserted, swapped and cut off, counters and seals altered, the whole chain made anew. Each must"
        " be named at exactly its positions, the last against the exported seal, and before each edit nothing.",
        100,
        1_000,
        (Planted("forgetful_chain", "the chain leaves out who did it", 22, "actor changed|seals made anew"),),
    ),
    Promise(
        "secrets",
        "Secrets stay secret",
        "{count} requests with a canary in a field, a parameter, a header or a password: none shows in a log line of"
        " any logger, in a metric or in an error. Then a password, keys, tokens, a ticket and a session that were used:"
        " none is in the log, in an event or in a dump of the database, not in hexadecimal or base64 either.",
        1_000,
        10_000,
        (
            Planted("telltale_log", "the log line of a request has its headers", 100, "^the log holds"),
            Planted("kept_token", "API keys are stored as they are", 20, "^the dump holds"),
        ),
    ),
]
PROMISES = {promise.name: promise for promise in _ALL}
