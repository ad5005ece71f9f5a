"""Does what an event names exist? Assets, checks and partitions looked up in the loaded code locations, by mode.

A code location that failed to load makes its assets look unknown, so while one is down nothing is refused.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from dagster import AssetCheckKey, AssetKey

from asset_events import CheckEvent, ErrorDetail

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dagster._core.workspace.context import BaseWorkspaceRequestContext, IWorkspaceProcessContext

    from asset_events import AssetEvent

TargetMode: TypeAlias = Literal["accept", "warn", "reject"]

WARNED_AT_MOST = 1000
"""How many distinct unknown targets are named in the log; after that the sender's mistake is known well enough."""

_log = logging.getLogger("asset_bridge.targets")


class Targets(Protocol):
    """Says which events of a batch name something that does not exist."""

    def problems(self, events: Sequence[AssetEvent]) -> list[tuple[ErrorDetail, ...]]:
        """One entry per event, empty where the event may be recorded."""
        ...


class AcceptAll:
    """The default: an asset need not be defined in Dagster to be reported."""

    def problems(self, events: Sequence[AssetEvent]) -> list[tuple[ErrorDetail, ...]]:
        """No event has a problem."""
        return [()] * len(events)


@dataclass(frozen=True, slots=True)
class TargetModes:
    """What to do about each kind of unknown target."""

    assets: TargetMode = "accept"
    checks: TargetMode = "accept"
    partitions: TargetMode = "accept"


@dataclass(slots=True)
class WorkspaceTargets:
    """Looks targets up in the code locations of a workspace, which the process context keeps loaded."""

    workspace: IWorkspaceProcessContext[Any]
    modes: TargetModes
    _warned: set[tuple[str, ...]] = field(default_factory=set[tuple[str, ...]])

    def problems(self, events: Sequence[AssetEvent]) -> list[tuple[ErrorDetail, ...]]:
        """Refuse what mode `reject` refuses, name the rest once in the log."""
        with self.workspace.create_request_context() as context:
            complete = not context.code_location_errors()
            return [self._judge(event, _unknown(context, event), complete=complete) for event in events]

    def _judge(self, event: AssetEvent, unknown: Iterator[ErrorDetail], *, complete: bool) -> tuple[ErrorDetail, ...]:
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


def _unknown(context: BaseWorkspaceRequestContext, event: AssetEvent) -> Iterator[ErrorDetail]:
    """Yield what the loaded code locations do not know; an unknown asset hides the rest."""
    key, graph = AssetKey(event.asset_key), context.asset_graph
    if not graph.has(key):
        yield ErrorDetail("/asset_key", "asset.unknown", f"Asset key '{key.to_user_string()}' not found")
        return
    if isinstance(event, CheckEvent) and not graph.has(AssetCheckKey(key, event.check_name)):
        yield ErrorDetail("/check_name", "check.unknown", "The asset has no check of this name")
    if event.partition is not None:
        definition = graph.get(key).partitions_def
        if definition is None or not definition.has_partition_key(event.partition):
            yield ErrorDetail("/partition", "partition.unknown", "The asset has no such partition")
