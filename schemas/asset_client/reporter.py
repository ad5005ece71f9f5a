"""The methods that every reporter has, whatever carries its events."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Generic, Self, TypeAlias, TypeVar, Unpack

from asset_client.errors import EventRefusedError, NotReportedError
from asset_client.fields import AssetKey, CheckFields, DataFields, make_event
from asset_events import AssetEvent

Done = TypeVar("Done")
"""What a reporter returns of an event that arrived."""

Result: TypeAlias = Done | EventRefusedError | NotReportedError
"""What became of one event of many."""


class Reporter(ABC, Generic[Done]):
    """Reports events and waits for each to be acknowledged. Close it, or use it in a `with` statement.

    One reporter may be used by several threads.
    """

    def materialization(self, asset_key: AssetKey, **fields: Unpack[DataFields]) -> Done:
        """Report that an asset was created or updated; raises as `report` does."""
        return self.report(make_event("asset_materialization", {"asset_key": asset_key, **fields}))

    def check(self, asset_key: AssetKey, check_name: str, passed: bool, **fields: Unpack[CheckFields]) -> Done:  # noqa: FBT001 # reads as a sentence
        """Report that a check of an asset passed or failed; raises as `report` does."""
        told = {"asset_key": asset_key, "check_name": check_name, "passed": passed, **fields}
        return self.report(make_event("asset_check", told))

    def observation(self, asset_key: AssetKey, **fields: Unpack[DataFields]) -> Done:
        """Report that something was seen about an asset; raises as `report` does."""
        return self.report(make_event("asset_observation", {"asset_key": asset_key, **fields}))

    def report(self, event: AssetEvent) -> Done:
        """Report one event.

        Raises:
            EventRefusedError: Sending it again cannot succeed.
            NotReportedError: It was not acknowledged within the deadline; says whether it may still be recorded.
        """
        return only(self._report([event], many=False))

    def report_many(self, events: Iterable[AssetEvent]) -> list[Result[Done]]:
        """Report events in their order; one result per event, errors among them instead of raised.

        They go in parts, each of which has the whole deadline. Behind a part with an event that could not be reported
        now none is tried, so that order holds.
        """
        return self._report(list(events), many=True)

    @abstractmethod
    def close(self) -> None:
        """Let go of the connections; a second call does nothing."""

    @abstractmethod
    def _report(self, events: list[AssetEvent], *, many: bool) -> list[Result[Done]]: ...

    def __enter__(self) -> Self:
        """Nothing more to start."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close, whatever happened inside."""
        self.close()


class AsyncReporter(ABC, Generic[Done]):
    """The same for asyncio. Close it, or use it in an `async with` statement."""

    async def materialization(self, asset_key: AssetKey, **fields: Unpack[DataFields]) -> Done:
        """Report that an asset was created or updated; raises as `report` does."""
        return await self.report(make_event("asset_materialization", {"asset_key": asset_key, **fields}))

    async def check(self, asset_key: AssetKey, check_name: str, passed: bool, **fields: Unpack[CheckFields]) -> Done:  # noqa: FBT001 # reads as a sentence
        """Report that a check of an asset passed or failed; raises as `report` does."""
        told = {"asset_key": asset_key, "check_name": check_name, "passed": passed, **fields}
        return await self.report(make_event("asset_check", told))

    async def observation(self, asset_key: AssetKey, **fields: Unpack[DataFields]) -> Done:
        """Report that something was seen about an asset; raises as `report` does."""
        return await self.report(make_event("asset_observation", {"asset_key": asset_key, **fields}))

    async def report(self, event: AssetEvent) -> Done:
        """Report one event; raises as `Reporter.report` does."""
        return only(await self._report([event], many=False))

    async def report_many(self, events: Iterable[AssetEvent]) -> list[Result[Done]]:
        """Report events in their order; results as of `Reporter.report_many`."""
        return await self._report(list(events), many=True)

    @abstractmethod
    async def close(self) -> None:
        """Let go of the connections; a second call does nothing."""

    @abstractmethod
    async def _report(self, events: list[AssetEvent], *, many: bool) -> list[Result[Done]]: ...

    async def __aenter__(self) -> Self:
        """Nothing more to start."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close, whatever happened inside."""
        await self.close()


def only(results: list[Result[Done]]) -> Done:
    """The one result, or the error that it is."""
    (result,) = results
    if isinstance(result, EventRefusedError | NotReportedError):
        raise result
    return result
