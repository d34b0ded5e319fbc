"""Why the mutants that no test kills break no promise: each by its file and its line, as the mutant has it."""

_BATCH, _TENANCY = "tags/actions/batch.py", "tags/db/tenancy.py"

_ANNOTATION = "a name that annotations alone use; mypy holds them"
_AS_LONG = "the two are as long as each other by how they are made; `strict` says so to the reader"
_DUTY = "a duty of whoever writes another credential; the one that there is has the method, and mypy asks for it too"
_NAME = "the name that a debugger shows of a context variable"

EXPLAINED: dict[tuple[str, str], str] = {
    (_BATCH, '"XXordinalXX": ordinal,'): (
        "PostgreSQL happens to give these rows in the order in which they were sent; the number asks for that order"
    ),
    (_BATCH, "Identity = None"): _ANNOTATION,
    (_BATCH, "TagObject = None"): _ANNOTATION,
    (
        _BATCH,
        "outcomes = [play.apply(*step) for step in zip(operations, identities, strict=False)]",
    ): _AS_LONG,
    (_BATCH, "touched = dict(zip(identities, operations, strict=False))"): _AS_LONG,
    (_BATCH, "state = dict(zip(touched, reading.fetchall(), strict=False))"): _AS_LONG,
    (
        _TENANCY,
        '_current: ContextVar[UUID | None] = ContextVar("XXcurrent_organizationXX", default=None)',
    ): _NAME,
    (_TENANCY, '_visit: ContextVar[Visit | None] = ContextVar("XXvisitXX", default=None)'): _NAME,
    (_TENANCY, "has_admitted = None"): "as false as `False`",
    (_TENANCY, 'entrance = ""'): "as empty as `None`",
    (_TENANCY, "def ask(self) -> None:  without @abstractmethod"): _DUTY,
    (_TENANCY, "def admit(self) -> None:  without @abstractmethod"): _DUTY,
    (_TENANCY, "def close(self) -> None:  without @abstractmethod"): _DUTY,
    (
        _TENANCY,
        "class Visit:  without @dataclass",
    ): "its one field has a default, so a plain class does the same",
}
