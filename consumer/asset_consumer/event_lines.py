"""One readable line per event, for a person who watches `asset-bridge dev`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

_LOGGERS = ("asset_bridge.http", "asset_bridge.kafka")


class EventLines(logging.Handler):
    """Prints what the log says of single events; everything else stays with the log."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.DEBUG)
        self._console = console
        self.settled = 0
        """How many events have been recorded or rejected."""

    def attach(self) -> None:
        """Listen to the loggers that speak of single events."""
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            logger.setLevel(logging.DEBUG)
            logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Print a line for an event that was recorded or rejected."""
        fields = record.__dict__
        match fields.get("happening"):
            case "event_recorded":
                line = _recorded(fields)
            case "event_rejected":
                line = _rejected(fields)
            case _:
                return
        self._console.print(line, soft_wrap=True)
        self.settled += 1


def _recorded(fields: dict[str, Any]) -> Text:
    kind = str(fields["event_type"]).removeprefix("asset_")
    key = "/".join(fields["asset_key"])
    return Text.assemble(
        ("✓ recorded ", "green"), f"{fields['road']:<5} {kind:<15} {_one_line(key)}  → event {fields['event_id']}"
    )


def _rejected(fields: dict[str, Any]) -> Text:
    error = fields["errors"][0]
    end = "dead-lettered" if fields["road"] == "kafka" else "answered with an error"
    what = f"{error['code']} {error['path']}".strip()
    return Text.assemble(
        ("✗ rejected ", "red"), f"{fields['road']:<5} {_one_line(fields['where'])}: {what}: {error['message']}  → {end}"
    )


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
