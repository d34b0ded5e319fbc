"""Every mutant that mutmut makes of the files that are named, one line of JSON each.

Run by mutmut's own environment (`make mutate`): it is not one of the project's dependencies.
"""

import json
import sys
from pathlib import Path

from mutmut import Context, list_mutations, mutate


def main(*paths: str) -> None:
    for path in paths:
        source = Path(path).read_text()
        for place in list_mutations(Context(source=source, filename=path)):
            changed, _ = mutate(Context(source=source, filename=path, mutation_id=place))
            text = _text(source.splitlines(), changed.splitlines(), place.line_number)
            print(json.dumps({"path": path, "line": place.line_number + 1, "text": text, "source": changed}))


def _text(before: list[str], after: list[str], place: int) -> str:
    """The line as it is in the mutant; where a decorator is left out, what it was at."""
    was = before[place].strip()
    return f"{before[place + 1].strip()}  without {was}" if was.startswith("@") else after[place].strip()


if __name__ == "__main__":
    main(*sys.argv[1:])
