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
            Planted("a_500", "NUL characters and lone surrogates are let through to PostgreSQL", 2_000),
            Planted("another_status", "what does not exist is answered 410", 500),
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
            Planted("a_500", "NUL characters and lone surrogates are let through to PostgreSQL", 500),
            Planted("kept_before_refused", "operations are applied one by one", 500),
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
        (Planted("rounded_numbers", "metadata's numbers are read as doubles", 40),),
    ),
    Promise(
        "linear",
        "Batches are linearizable",
        "50 clients send {count} batches over 20 hot tags to two web processes. The changes are replayed in"
        " stream order on the model: every answer must be the model's, what was answered before another began must"
        " stand before it, and a batch that changed nothing must fit a moment between its request and its answer.",
        5_000,
        100_000,
        (Planted("no_locks", "the batch locks no flow execution", 2_000),),
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
            Planted("lazy_commit", "PostgreSQL acknowledges before the change is on disk", 10),
            Planted("halved_batch", "tags are committed before their events", 10),
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
        (Planted("forgetful_chain", "the chain leaves out who did it", 22),),
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
            Planted("telltale_log", "the log line of a request has its headers", 100),
            Planted("kept_token", "API keys are stored as they are", 20),
        ),
    ),
]
PROMISES = {promise.name: promise for promise in _ALL}
