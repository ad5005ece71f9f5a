"""Does what an event names exist? Assets, checks and partitions looked up in the loaded code locations, by mode.

A code location that is down, or was deployed anew a moment ago, makes what it defines look unknown. So nothing is
refused while one is, nor before all have said that they are still the ones that were loaded.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from dagster import AssetCheckKey, AssetKey

from asset_events import CheckEvent, ErrorDetail
from asset_reporting.code_locations import are_as_loaded
from asset_reporting.defined_checks import with_definition
from asset_reporting.target_partitions import add_missing, batch_partitions, has_partition, may_have_partition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dagster._core.workspace.context import BaseWorkspaceRequestContext, IWorkspaceProcessContext

    from asset_events import AssetEvent

TargetMode: TypeAlias = Literal["accept", "warn", "reject"]

WARNED_AT_MOST = 1000
"""How many distinct unknown targets are named in the log; after that the sender's mistake is known well enough."""

DOUBT_S = 5.0
"""For how long code locations that were found changed or silent are not asked again, and nothing is refused."""

_log = logging.getLogger("asset_bridge.targets")


class Targets(Protocol):
    """Says which events of a batch name something that does not exist, and makes the others ready."""

    def problems(self, events: Sequence[AssetEvent]) -> list[tuple[ErrorDetail, ...]]:
        """One entry per event, empty where the event may be recorded; changes nothing."""
        ...

    def prepare(self, events: Sequence[AssetEvent]) -> Sequence[AssetEvent]:
        """Do what has to be done before these events, which have no problems, are recorded; the events to record."""
        ...


class AcceptAll:
    """The default: an asset need not be defined in Dagster to be reported."""

    def problems(self, events: Sequence[AssetEvent]) -> list[tuple[ErrorDetail, ...]]:
        """No event has a problem."""
        return [()] * len(events)

    def prepare(self, events: Sequence[AssetEvent]) -> Sequence[AssetEvent]:
        """Every event is ready as it is."""
        return events


@dataclass(frozen=True, slots=True)
class TargetModes:
    """What to do about each kind of unknown target."""

    assets: TargetMode = "accept"
    checks: TargetMode = "accept"
    partitions: TargetMode = "accept"


@dataclass(slots=True)
class WorkspaceTargets:
    """Looks targets up in the code locations of a workspace, which the process context keeps loaded.

    `current` returns that context, or None as long as it is not loaded: then everything is accepted as it is. With
    `add_partitions` a partition that a dynamic definition lacks is added before its first event is recorded.
    """

    current: Callable[[], IWorkspaceProcessContext[Any] | None]
    modes: TargetModes
    add_partitions: bool = False
    _warned: set[tuple[str, ...]] = field(default_factory=set[tuple[str, ...]])
    _doubtful_until: float = 0.0

    def problems(self, events: Sequence[AssetEvent]) -> list[tuple[ErrorDetail, ...]]:
        """Refuse what mode `reject` refuses, name the rest once in the log."""
        workspace = self.current()
        if workspace is None or self.modes == TargetModes():
            return [()] * len(events)
        with workspace.create_request_context() as context, batch_partitions(context.instance):
            # Many events of a batch are of one partition, and a time window takes longer to ask than all the rest.
            has = cache(partial(self._has_partition, context))
            unknown = [tuple(self._unknown(context, event, has)) for event in events]
            refused = any(self._mode(error.code) == "reject" for errors in unknown for error in errors)
            complete = not refused or self._is_complete(context)
        return [self._judge(event, errors, complete=complete) for event, errors in zip(events, unknown, strict=True)]

    def prepare(self, events: Sequence[AssetEvent]) -> Sequence[AssetEvent]:
        """Add the partitions that are missing, if that is wanted, and give checks' results their definition's flag."""
        workspace = self.current()
        if workspace is None:
            return events
        with workspace.create_request_context() as context, batch_partitions(context.instance) as known:
            if self.add_partitions:
                add_missing(context, events, known)
            return [with_definition(context, event) if isinstance(event, CheckEvent) else event for event in events]

    def _unknown(
        self, context: BaseWorkspaceRequestContext, event: AssetEvent, has: Callable[[AssetKey, str], bool]
    ) -> Iterator[ErrorDetail]:
        """Yield what the loaded code locations do not know; an unknown asset hides the rest."""
        key, graph = AssetKey(event.asset_key), context.asset_graph
        if not graph.has(key):
            yield ErrorDetail("/asset_key", "asset.unknown", f"Asset key '{key.to_user_string()}' not found")
            return
        if isinstance(event, CheckEvent) and not graph.has(AssetCheckKey(key, event.check_name)):
            yield ErrorDetail("/check_name", "check.unknown", "The asset has no check of this name")
        if event.partition is not None and self.modes.partitions != "accept" and not has(key, event.partition):
            yield ErrorDetail("/partition", "partition.unknown", "The asset has no such partition")

    def _has_partition(self, context: BaseWorkspaceRequestContext, key: AssetKey, partition: str) -> bool:
        definition = context.asset_graph.get(key).partitions_def
        known = may_have_partition if self.add_partitions else has_partition
        return definition is not None and known(definition, partition)

    def _is_complete(self, context: BaseWorkspaceRequestContext) -> bool:
        """Whether all code locations are loaded as they are now; asked only when something would be refused for it."""
        if time.monotonic() < self._doubtful_until:
            return False
        complete = are_as_loaded(context)
        if not complete:
            self._doubtful_until = time.monotonic() + DOUBT_S
        return complete

    def _judge(self, event: AssetEvent, unknown: Sequence[ErrorDetail], *, complete: bool) -> tuple[ErrorDetail, ...]:
        refused: list[ErrorDetail] = []
        for error in unknown:
            mode = self._mode(error.code)
            if mode == "reject" and complete:
                refused.append(error)
            elif mode != "accept":
                self._warn(event, error, complete=complete)
        return tuple(refused)

    def _mode(self, code: str) -> TargetMode:
        modes: dict[str, TargetMode] = {
            "asset.unknown": self.modes.assets,
            "check.unknown": self.modes.checks,
            "partition.unknown": self.modes.partitions,
        }
        return modes[code]

    def _warn(self, event: AssetEvent, error: ErrorDetail, *, complete: bool) -> None:
        target = (error.code, *event.asset_key)
        if target in self._warned or len(self._warned) >= WARNED_AT_MOST:
            return
        self._warned.add(target)
        fields = {"code": error.code, "asset_key": list(event.asset_key), "locations_loaded": complete}
        _log.warning("An event names a target that no loaded code location defines.", extra=fields)
