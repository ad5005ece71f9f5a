"""Named steps of a consumer's work at which its process can be made to kill or to stop itself.

The product knows nothing of this: `install` wraps its functions, in the process that shall be struck. An order is a
file, so that a process can be told at any moment of its life. A function that is gone, or is no longer passed, fails
the test: it waits for a process that was struck at its step, and for nothing less (`forked.py`).
"""

from __future__ import annotations

import functools
import importlib
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any


def _always(*_: Any) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Step:
    """Before a function, named `module:function`, or `after` it; `when` looks at its arguments."""

    function: str
    after: bool = False
    when: Callable[..., bool] = _always


def _earlier_letters_arrived(producer: Any, _: object, index: int, __: object) -> bool:
    """Whether letters of the same batch came before this one; they are waited for."""
    return index > 0 and producer._producer.flush(10) == 0


STEPS = {
    "joining": Step("asset_consumer.assignment:Assignment.subscribe"),
    "placing": Step("asset_reporting.transactional_recorder:TransactionalRecorder.place"),
    "fetched": Step("asset_consumer.record_span:classify"),
    "validated": Step("asset_consumer.loop:settle"),
    "some_letters_written": Step(
        "asset_consumer.dead_letter_producer:DeadLetterProducer._produce", when=_earlier_letters_arrived
    ),
    "letters_written": Step(
        "asset_consumer.dead_letter_producer:DeadLetterProducer.send", after=True, when=lambda _, letters: bool(letters)
    ),
    "handling": Step("asset_reporting.transactional_recorder:prepare", after=True),
    "ledger_moved": Step("asset_reporting.ledger:advance", after=True),
    "rows_written": Step("asset_reporting.transactional_recorder:write", after=True),
    "database_committed": Step("asset_reporting.transactional_recorder:TransactionalRecorder._mirror"),
    "recorded": Step("asset_consumer.loop:ConsumerLoop._conclude"),
    "kafka_committed": Step("asset_consumer.commits:Commits.on_commit", when=lambda _, error, __: error is None),
    "revoking": Step("asset_consumer.assignment:Assignment._on_revoke"),
    "revoked": Step("asset_consumer.happenings:revoked"),
    "closing": Step("asset_consumer.loop:ConsumerLoop._close"),
    "left": Step("asset_consumer.happenings:left_group"),
}
"""In the order of a record's way. Up to `handling` no transaction has begun, at `rows_written` it is open; from
`database_committed` on it has ended, and until `kafka_committed` Kafka has not heard of it; at `revoked` it has."""


def mark(step: str) -> str:
    """The last line on standard error before a process is struck."""
    return f"struck at {step}"


def write_order(order: Path, step: str, how: signal.Signals, passage: int) -> None:
    """Tell the process that looks at `order` to strike itself at a passage of a step, counted from now."""
    assert step in STEPS
    draft = order.with_suffix(".draft")
    draft.write_text(f"{step} {how.name} {passage}")
    draft.replace(order)  # read whole or not at all


def install(order: Path) -> None:
    """Wrap the functions of all steps in this process; raises when one of them is not there."""
    for name, step in STEPS.items():
        module, _, path = step.function.partition(":")
        *owners, function = path.split(".")
        owner = functools.reduce(getattr, owners, importlib.import_module(module))
        setattr(owner, function, _wrapped(getattr(owner, function), name, step, order))


def _wrapped(function: Callable[..., Any], name: str, step: Step, order: Path) -> Callable[..., Any]:
    @functools.wraps(function)
    def passing(*arguments: Any, **named: Any) -> Any:
        if not step.after:
            _pass(name, step, order, arguments)
        answer = function(*arguments, **named)
        if step.after:
            _pass(name, step, order, arguments)
        return answer

    return passing


def _pass(name: str, step: Step, order: Path, arguments: tuple[Any, ...]) -> None:
    with suppress(FileNotFoundError):
        wanted, how, passage = order.read_text().split()
        if wanted != name or not step.when(*arguments):
            return
        if int(passage) > 1:
            write_order(order, name, signal.Signals[how], int(passage) - 1)
            return
        order.unlink()
        os.write(2, f"{mark(name)}\n".encode())
        # To this very thread, so that not one more instruction of it is run; the whole process is struck.
        signal.pthread_kill(threading.get_ident(), signal.Signals[how])
