import asyncio
import json
import os
import sys
from argparse import ArgumentParser, ArgumentTypeError
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from tags.events.feed import Entry
from tags.events.reading import Selection, without_prefix
from tags.live.hub import running_hub
from tags.models import EventType
from tagsite.management.arguments import check_organization, position, uuid


class Command(BaseCommand):
    help = "Prints the changes of an organization as they happen, until it is interrupted."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organization", type=uuid, required=True, help="the organization's id")
        parser.add_argument("--after", type=position, help="first what came after this position (default: from now)")
        parser.add_argument("--flow-execution", type=uuid, help="only this flow execution")
        parser.add_argument("--task-name", help="only tasks of this name")
        parser.add_argument("--tag-type", help="only tags of this type")
        parser.add_argument("--type", type=_event_type, action="append", help="only this type of event; repeatable")
        parser.add_argument("--json", action="store_true", help="print each event whole, as a CloudEvent on one line")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            check_organization(options["organization"])
            printer = Printer(as_json=options["json"])
            execution = options["flow_execution"]
            selection = Selection(
                None if execution is None else str(execution),
                options["task_name"],
                options["type"],
                options["tag_type"],
            )
            with suppress(KeyboardInterrupt):
                asyncio.run(_watch(options["organization"], options["after"], selection, printer))
        except DatabaseError as error:
            raise CommandError(f"The database cannot be reached: {error}") from error
        if printer.position is not None:
            self.stderr.write(f"To go on from here: --after {printer.position}")


class Printer:
    """The outlet of the one subscription: prints what it is sent."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self.position: int | None = None
        self.is_closed = asyncio.Event()

    def send_event(self, name: str, entry: Entry) -> None:
        self._print(json.dumps(json.loads(entry.text), ensure_ascii=False) if self._as_json else _line(entry))
        self.position = entry.position

    def send_reset(self, name: str, position: int) -> None:
        print(
            f"That position is not in the stream, or no longer; going on after {position}.", file=sys.stderr, flush=True
        )
        self.position = position

    async def has_room(self) -> None:
        """Printing waits by itself."""

    def _print(self, line: str) -> None:
        try:
            print(line, flush=True)
        except BrokenPipeError:  # whoever read has gone: `watch | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self.is_closed.set()


async def _watch(organization_id: UUID, after: int | None, selection: Selection, printer: Printer) -> None:
    hub = running_hub()
    subscription, is_honoured = await hub.subscribe(organization_id, after, selection, "", printer)
    if is_honoured:
        printer.position = subscription.position
    else:
        printer.send_reset("", subscription.position)
    hub.start(organization_id, subscription)
    await printer.is_closed.wait()


def _line(entry: Entry) -> str:
    """`17  2026-01-31T09:00:00+00:00  task_tag.added  <flow execution>/extract  review: approved  user:<id>`"""
    event = json.loads(entry.text)
    data = event["data"]
    what = f"{data['tag_type']}: {data['tag']}" if "tag" in data else data.get("processing_status", data.get("status"))
    fields = [event["time"], entry.type, event["subject"], what, event["actor"]]
    # Names are free text: what would move the cursor or start another line is shown escaped.
    return "  ".join([str(entry.position), *(_printable(str(field)) for field in fields)])


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def _event_type(text: str) -> str:
    name = str(without_prefix(text))
    if name not in EventType.values:
        raise ArgumentTypeError(f"{text!r} is none of {', '.join(EventType.values)}")
    return name
