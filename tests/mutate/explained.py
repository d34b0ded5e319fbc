"""Why the mutants that no test kills are none: each by its file and its line, as the mutant has it."""

EXPLAINED: dict[tuple[str, str], str] = {}
