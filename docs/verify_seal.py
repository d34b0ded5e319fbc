"""Checks events of Tagsite's against seals, with nothing but Python: no Tagsite, no database, no package.

    python verify_seal.py events.jsonl seal.json [more seals ...]

The events are those of one organization from the first on, one JSON object on each line, in order, as `manage.py
export_events` or `GET /api/events` gives them. seal.md defines all that is computed here. Exits with 1 if a seal does
not hold.
"""

import hashlib
import json
import sys
from decimal import Context, Decimal
from pathlib import Path


def canonical(value):
    if isinstance(value, dict):
        return "{" + ",".join(f"{canonical(key)}:{canonical(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, Decimal):
        return number(value)
    return json.dumps(value, ensure_ascii=False)


def number(value):
    if value == value.to_integral_value():
        return str(int(value))
    return str(value.normalize(Context(prec=2000)))


def links(lines, organization):
    """The position and the link of each event. Raises ValueError where the events do not follow each other."""
    link = bytes(32)
    for position, line in enumerate(lines, 1):
        event = json.loads(line, parse_float=Decimal)
        if int(event["sequence"]) != position or event["source"] != f"/organizations/{organization}":
            raise ValueError(f"the event on line {position} is not the one of position {position}")
        link = hashlib.sha256(link + canonical(event).encode()).digest()
        yield position, link.hex()


def check(events, seals):
    """What is wrong, as sentences."""
    (organization,) = {seal["organization_id"] for seal in seals}
    waiting = {seal["position"]: seal["digest"] for seal in seals if seal["position"]}
    try:
        with open(events, encoding="utf-8") as lines:
            for position, link in links(lines, organization):
                if waiting.pop(position, link) != link:
                    yield f"the seal of position {position} does not hold: an event up to there is not what was sealed"
    except (ValueError, KeyError, TypeError) as error:
        yield f"the events cannot be followed: {error}"
    for position in sorted(waiting):
        yield f"the seal of position {position} cannot be checked: the events end before"


def main(events, *paths):
    seals = [json.loads(Path(path).read_text()) for path in paths]
    if any(seal.get("format") != "tagsite-seal-1" for seal in seals):
        sys.exit("not a seal of this format: tagsite-seal-1")
    if len({seal["organization_id"] for seal in seals}) != 1:
        sys.exit("the seals are of different organizations")
    wrong = list(check(events, seals))
    print(
        "\n".join(wrong) or f"{len(seals)} seals hold, the last at position {max(seal['position'] for seal in seals)}"
    )
    sys.exit(bool(wrong))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: python verify_seal.py EVENTS SEAL [SEAL ...]")
    try:
        main(*sys.argv[1:])
    except (OSError, ValueError) as error:
        sys.exit(f"cannot be read: {error}")
