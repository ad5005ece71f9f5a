"""Run the service in a thread while the main thread waits for signals, and be out within a deadline.

The main thread does nothing that could block: a Kafka commit or a database connection may wait for a minute on a
machine that is gone, and Python runs signal handlers only in a main thread that comes back to run them.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_log = logging.getLogger("asset_bridge")

LOOK_S = 0.1
"""How soon the main thread notices a signal or the end of the service."""

FORCED = 1
"""Exit code when the deadline passed, or a second signal came: nothing is lost, the last batch may be repeated."""


def supervise(service: Callable[[threading.Event], None], deadline_s: float) -> None:
    """Run `service(stop)` until it returns, raises, or a signal has set `stop` and the deadline is over.

    Args:
        service: Returns soon after its event is set.
        deadline_s: Seconds from the first SIGTERM or SIGINT to the end of the process, whatever still blocks.

    Raises:
        BaseException: Whatever the service raised.
    """
    stop, signals, failure = threading.Event(), list[int](), list[BaseException]()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: _on_signal(received, _, signals))
    thread = threading.Thread(target=_guarded, args=(service, stop, failure), name="service", daemon=True)
    thread.start()
    while thread.is_alive() and not signals:
        thread.join(LOOK_S)
    if signals:
        _log.info(
            "Stopping: press Ctrl-C again to leave at once.", extra={"happening": "stopping", "signal": signals[0]}
        )
        stop.set()
        thread.join(deadline_s)
        if thread.is_alive():
            _leave("The deadline for stopping has passed; what was open is repeated by the next start.")
    if failure:
        raise failure[0]


def _on_signal(received: int, _: FrameType | None, signals: list[int]) -> None:
    """Only note it: an exception out of a handler would destroy records the Kafka client has fetched."""
    signals.append(received)
    if len(signals) > 1:
        _leave("Left at once on a second signal; what was open is repeated by the next start.")


def _leave(message: str) -> None:
    """End the process without Python's clean-up, which would wait for the very threads that block."""
    _log.warning(message, extra={"happening": "forced"})
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(FORCED)


def _guarded(service: Callable[[threading.Event], None], stop: threading.Event, failure: list[BaseException]) -> None:
    try:
        service(stop)
    except BaseException as error:  # noqa: BLE001 # raised again in the main thread
        failure.append(error)
