"""Serve the console until told to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asset_consumer.console.access import load_keys
from asset_consumer.console.app import create_console
from asset_consumer.console.world import World
from asset_consumer.server_tls import server_tls
from asset_reporting.server import HttpServer, HttpServerError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from asset_consumer.settings import Settings

LOOK_S = 0.5
STOP_S = 3.0


def run_console(settings: Settings, stop: threading.Event, ready: Callable[[str], None]) -> None:
    """Serve until `stop` is set; `ready` is called with the address once pages are answered.

    Raises:
        SettingsError: The brokers are not named, the keys or DAGSTER_HOME cannot be used, or anybody could look in.
        HttpServerError: The port is taken.
    """
    tls = server_tls(settings.console, "console")
    world = World(settings, load_keys(settings))
    server = HttpServer(create_console(world), settings.console.host, settings.console.port, tls)
    server.start()
    world.start(stop)
    scope = "letters may be worked with an operator's key" if world.keys.known else "read-only, as there are no keys"
    host = f"[{settings.console.host}]" if ":" in settings.console.host else settings.console.host
    ready(f"console on {'https' if tls else 'http'}://{host}:{server.port}, {scope}")
    try:
        while not stop.wait(LOOK_S):
            for source in world.sources:
                if source.failure is not None:
                    raise source.failure
            if not server.running:
                raise HttpServerError("The HTTP server has ended by itself; the log says why.")
    finally:
        server.stop(STOP_S)
        world.finish(STOP_S)
        world.storage.close()
