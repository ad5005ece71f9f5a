"""Cut off clients that are slow on purpose, or dead: who neither sends a request's head nor reads an answer in time.

uvicorn waits for both for as long as it takes, and a connection that waits is one of few. Slow bodies are left to who
reads them (`request_body`), as only that knows whether it is the client who is slow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

if TYPE_CHECKING:
    import asyncio

    import h11

HEAD_S = 20.0
"""Seconds from a request's first byte, or the connection, to the end of its head (Apache's RequestReadTimeout)."""

READ_S = 30.0
"""Seconds for which a client may leave an answer unread once what the system holds for it is full."""


class PatientProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with an end to its patience."""

    head_s, read_s = HEAD_S, READ_S

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 # uvicorn's own
        super().__init__(*args, **kwargs)
        self._head, self._unread = _Patience(self), _Patience(self)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begin to wait for a head."""
        super().connection_made(transport)
        self._head.begin(self.head_s)

    def data_received(self, data: bytes) -> None:
        """Wait for the rest of a head that has begun, and no more once it is there."""
        if not self._answers:
            self._head.begin(self.head_s)
        super().data_received(data)
        if self._answers:
            self._head.end()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Another protocol takes the connection over."""
        super().handle_websocket_upgrade(event)
        self._head.end()

    def on_response_complete(self) -> None:
        """Of a request that was pipelined, some may have come already."""
        super().on_response_complete()
        if self.conn.trailing_data[0] and not self._answers:
            self._head.begin(self.head_s)

    def pause_writing(self) -> None:
        """Begin to wait for the client to read."""
        super().pause_writing()
        self._unread.begin(self.read_s)

    def resume_writing(self) -> None:
        """It reads."""
        super().resume_writing()
        self._unread.end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        super().connection_lost(exc)
        self._head.end()
        self._unread.end()

    @property
    def _answers(self) -> bool:
        """Whether a request's head is there and its answer is not yet complete."""
        cycle = cast("RequestResponseCycle | None", self.cycle)  # uvicorn does not say that there may be none
        return cycle is not None and not cycle.response_complete


class _Patience:
    """Breaks a connection some time after it has begun to wait, unless it has ended by then."""

    def __init__(self, protocol: H11Protocol) -> None:
        self._protocol = protocol
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, wait_s: float) -> None:
        if self._timer is None:  # what drips must not begin it anew
            self._timer = self._protocol.loop.call_later(wait_s, self._protocol.transport.abort)

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
