"""The client's reporters, blocking and asynchronous, so that one test tries both."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Self

from asset_client.http import AsyncHttpReporter, HttpReporter
from asset_client.kafka import AsyncKafkaReporter, KafkaReporter
from asset_client.reporter import AsyncReporter, Reporter
from asset_events import AssetEvent


class Awaited(Reporter[Any]):
    """An asynchronous reporter on an event loop of its own; every call is awaited."""

    def __init__(self, make: Callable[[], AsyncReporter[Any]]) -> None:
        self._reporter = make()
        self._runner = asyncio.Runner()

    def __repr__(self) -> str:
        return repr(self._reporter)

    def __enter__(self) -> Self:
        self._runner.run(self._reporter.__aenter__())
        return self

    def close(self) -> None:
        with self._runner:
            self._runner.run(self._reporter.close())

    def materialization(self, asset_key: Any, **fields: Any) -> Any:
        return self._runner.run(self._reporter.materialization(asset_key, **fields))

    def check(self, asset_key: Any, check_name: str, passed: bool, **fields: Any) -> Any:  # noqa: FBT001 # the reporters' own
        return self._runner.run(self._reporter.check(asset_key, check_name, passed, **fields))

    def observation(self, asset_key: Any, **fields: Any) -> Any:
        return self._runner.run(self._reporter.observation(asset_key, **fields))

    def report(self, event: AssetEvent) -> Any:
        return self._runner.run(self._reporter.report(event))

    def report_many(self, events: Iterable[AssetEvent]) -> list[Any]:
        return self._runner.run(self._reporter.report_many(events))

    def _report(self, events: list[AssetEvent], *, many: bool) -> list[Any]:
        raise NotImplementedError  # every public method is the asynchronous reporter's


MakeReporter = Callable[..., Any]

_TLS = ssl.SSLContext(
    ssl.PROTOCOL_TLS_CLIENT
)  # made once: to read the system's authorities takes longer than most tests

BY_HTTP: dict[str, MakeReporter] = {
    "blocking": partial(HttpReporter, ssl_context=_TLS),
    "asynchronous": lambda *given, **options: Awaited(lambda: AsyncHttpReporter(*given, ssl_context=_TLS, **options)),
}

BY_KAFKA: dict[str, MakeReporter] = {
    "blocking": KafkaReporter,
    "asynchronous": lambda *given, **options: Awaited(lambda: AsyncKafkaReporter(*given, **options)),
}
