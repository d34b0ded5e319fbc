"""docs/proof.md, from the last outcome of each attack and each control."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.prove.promises import PROMISES, Promise

_HERE = Path(__file__).parent
_PAGE = _HERE.parent.parent / "docs" / "proof.md"

_NOT_YET = "not completed yet, so not proven"

_TEXT = """# Proof

What Tagsite promises, and what happened when we tried to break it. `make prove` makes all these attacks on real servers
and a real PostgreSQL, and writes this page.

For each promise the same attack is also made on a build that is broken on purpose: the *planted bug*. It must go red.
An attack that finds nothing wrong with a broken build would prove nothing.

| promise | attacked with | held | its planted bugs were found |
| --- | --- | --- | --- |
{table}

{sections}

{found}

{mutants}

## Again

    make prove                    # the short form
    make prove LONG=1             # in full, which takes days
    make prove ONLY=linear        # one promise, or several with commas: {names}
    make prove ONLY=linear SEED=7 # the same again: each promise above names its seed

{whole} Four attacks are made at a time, so the seconds of each are those beside three others.

A seed fixes what is sent and when; what the machine makes of many processes at once, it does not. The bugs are planted
by `tests/prove/planted` in the processes of the control alone; nothing in the product knows of them. (The server of
`leaks` has its garbage collected every 5 s, in the run that counts too.) The outputs of all attacks are in `var/prove`.
Some attacks need more than Python: {needs}.
"""


def figures(values: dict[str, float]) -> str:
    return ", ".join(f"{_number(value)} {name.replace('_', ' ')}" for name, value in values.items())


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def write(kept: Path, outcomes: dict[str, dict[str, Any]], long: bool) -> None:
    """The page tells of every promise, of those too that were not attacked yet where it is written."""
    _write(kept, {name: {**outcome, "long": long} for name, outcome in outcomes.items()})


def write_whole(kept: Path, long: bool, seconds: float) -> None:
    form = "in full" if long else "in its short form"
    took = f"{seconds / 60:.1f} minutes on {os.cpu_count()} processors"
    _write(kept, {"whole": f"The last run of the whole {form} took {took} ({now()})."})


def _write(kept: Path, more: dict[str, Any]) -> None:
    known = {**(json.loads(kept.read_text()) if kept.exists() else {}), **more}
    kept.write_text(json.dumps(known, indent=1))
    _PAGE.write_text(_page(known))


def _of(promise: Promise, known: dict[str, Any]) -> list[dict[str, Any]]:
    """The outcomes of the attack and its controls; none if one is missing, or could not be brought to its end."""
    names = [promise.name, *(f"{promise.name}-{bug.name}" for bug in promise.planted)]
    done = all("fault" not in known.get(name, {"fault": "never made"}) for name in names)
    return [known[name] for name in names] if done else []


def _page(known: dict[str, Any]) -> str:
    both = [(promise, _of(promise, known)) for promise in PROMISES.values()]
    return _TEXT.format(
        table="\n".join(_row(promise, *outcomes) for promise, outcomes in both),
        sections="\n\n".join(_section(promise, *outcomes) for promise, outcomes in both),
        found=(_HERE / "found.md").read_text().strip(),
        mutants=(_HERE / "mutants.md").read_text().strip(),
        whole=known.get("whole", "The whole was not run in one go yet."),
        names=", ".join(f"`{name}`" for name in PROMISES),
        needs="libfaketime (Debian: `apt install faketime`) for the clocks, and the right to mount a small disk (root)",
    )


def _row(promise: Promise, attack: dict[str, Any] | None = None, *controls: dict[str, Any]) -> str:
    if attack is None:
        return f"| [{promise.says}](#{promise.name}) | {_NOT_YET} | - | - |"
    found = sum(control["as_it_should_be"] for control in controls)
    held = "yes" if attack["as_it_should_be"] else "**no**"
    return f"| [{promise.says}](#{promise.name}) | {_first(attack)} | {held} | {found} of {len(controls)} |"


def _first(attack: dict[str, Any]) -> str:
    return figures(dict(list(attack.get("figures", {}).items())[:2])) or "-"


def _section(promise: Promise, attack: dict[str, Any] | None = None, *controls: dict[str, Any]) -> str:
    if attack is None:
        said = promise.attack.format(count=_number(promise.short))
        return f"## {promise.name}\n\n**{promise.says}.** {said}\n\n**{_NOT_YET}.**"
    verdict = "Held" if attack["as_it_should_be"] else "**Broken**"
    form = "in full" if attack["long"] else "short form"
    lines = [
        f"## {promise.name}",
        f"**{promise.says}.** " + promise.attack.format(count=_number(attack["count"])),
        f"{verdict}: {_said(attack)}. ({attack['seconds']:.0f} s, {form}, seed {attack['seed']}, {attack['when']})",
    ]
    for bug, control in zip(promise.planted, controls, strict=True):
        lines.append(f"- Planted: {bug.says} (`planted/{bug.name}.py`) → {_colour(control)}: {_said(control)}")
    return "\n\n".join(lines[:3]) + "\n\n" + "\n".join(lines[3:])


def _colour(control: dict[str, Any]) -> str:
    if control["as_it_should_be"]:
        return "red"
    return "**RED FOR ANOTHER REASON**" if "broken" in control else "**STAYED GREEN**"


def _said(outcome: dict[str, Any]) -> str:
    if "figures" in outcome:
        return figures(outcome["figures"])
    said = outcome.get("broken") or outcome["fault"]
    return "`" + " ".join(said.split())[:240].replace("`", "'") + "`"
