"""Run one ASGI application by uvicorn in a thread of its own, and stop it within a deadline."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn

from asset_reporting.one_length import OneLength
from asset_reporting.slow_clients import PatientProtocol

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from asset_reporting.tls import RenewedTls

MAX_CONNECTIONS = 512
"""Open connections, and running requests: beyond it uvicorn answers 503, so it bounds the memory bodies can take."""

MAX_HEADER_BYTES = 64 * 1024
"""Request line and headers together: room for events in query parameters, far from harm."""

KEEP_ALIVE_S = 75
"""Seconds an idle connection is kept: longer than common proxies keep theirs, so that they are the ones to close it."""

START_DEADLINE_S = 30.0
"""Seconds for the application's own start-up."""

CANCEL_MARGIN_S = 2.0
"""Seconds kept back at the end of a stop for cancelled requests and the application's own shutdown."""


class HttpServerError(Exception):
    """Raised when the server cannot start; says why in words for an operator."""


class HttpServer:
    """One listening HTTP server; signals stay with the main thread, which stops it."""

    def __init__(
        self, app: ASGIApp, host: str, port: int, tls: RenewedTls | None = None, *, websockets: bool = False
    ) -> None:
        """Serve `app` on `host` and `port`; port 0 takes a free one, told by `port` once started. `tls`: by HTTPS.

        `websockets` are for Dagster's UI, which brings the library that they need.
        """
        self.port = port
        self._host = host
        self._server = _Server(_config(app, host, port, websockets=websockets), tls)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Listen, and return once requests are answered; call it once.

        Raises:
            HttpServerError: The port is taken, the host is not ours, or the application did not start.
        """
        listener = _listen(self._host, self.port)
        self.port = int(listener.getsockname()[1])
        self._thread = threading.Thread(target=self._run, args=(listener,), name="asset-bridge-http", daemon=True)
        self._thread.start()
        self._server.decided.wait(START_DEADLINE_S)
        if not self._server.started:
            self.stop(CANCEL_MARGIN_S)
            raise HttpServerError("The HTTP server did not start, for its application failed to; the log says why.")

    @property
    def running(self) -> bool:
        """True from start to stop; False also when the server has ended by itself."""
        return self._thread is not None and self._thread.is_alive()

    def stop(self, timeout_s: float = 10.0) -> bool:
        """Take no new connections, let running requests finish, and return after at most `timeout_s` seconds.

        Requests still running shortly before that are cancelled. True when everything has ended; the thread is a
        daemon, so a False keeps no process from leaving.
        """
        # uvicorn reads this when it shuts down; it takes whole seconds.
        self._server.config.timeout_graceful_shutdown = max(1, math.floor(timeout_s - CANCEL_MARGIN_S))
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(timeout_s)
        return not self.running

    def _run(self, listener: socket.socket) -> None:
        try:
            # uvicorn leaves a failed start-up by SystemExit, having logged why; `start` reports it.
            with listener, contextlib.suppress(SystemExit):
                asyncio.run(self._server.serve(sockets=[listener]))
        finally:
            self._server.decided.set()


class _Server(uvicorn.Server):
    """uvicorn's server, which also says when its start-up has come to an end, good or bad."""

    def __init__(self, config: uvicorn.Config, tls: RenewedTls | None) -> None:
        super().__init__(config)
        self.decided = threading.Event()
        self._tls = tls

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if self._tls is not None:
            self.config.ssl = self._tls.context  # uvicorn would make its own, of files that it reads once
        await super().startup(sockets=sockets)
        self.decided.set()


def _config(app: ASGIApp, host: str, port: int, *, websockets: bool) -> uvicorn.Config:
    """h11 and asyncio by name: what uvicorn picks by itself, limits included, depends on what else is installed."""
    return uvicorn.Config(
        OneLength(app),
        host=host,
        port=port,
        http=PatientProtocol,
        ws="websockets-sansio" if websockets else "none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_S,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
    )


def _listen(host: str, port: int) -> socket.socket:
    """Bind before the thread starts, so that a taken port is the caller's exception and not a line in a log."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server(address[:2], family=family)
    except OSError as error:
        raise HttpServerError(f"Cannot listen on {host} port {port}: {error.strerror or error}.") from None
    # An accepted connection inherits it. asyncio sets it only where a socket was made with its protocol named, which
    # this one was not; and without it an answer's body waits 40 ms for the client to acknowledge the answer's head.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
