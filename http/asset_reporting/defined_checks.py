"""Results of checks that a code location defines: what the definition says of them belongs to the stored result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster import AssetCheckKey, AssetKey

from asset_events import CheckEvent

if TYPE_CHECKING:
    from dagster._core.workspace.context import BaseWorkspaceRequestContext


class DefinedCheckEvent(CheckEvent):
    """A check's result with what its definition says; no sender makes one, nor can."""

    blocking: bool
    """Whether a failure keeps what lies downstream from running."""


def with_definition(context: BaseWorkspaceRequestContext, event: CheckEvent) -> CheckEvent:
    """Give the result its definition's flag, as Dagster does in a run; where no code location defines it, leave it."""
    key, graph = AssetCheckKey(AssetKey(event.asset_key), event.check_name), context.asset_graph
    if not graph.has(key):
        return event
    fields = {name: getattr(event, name) for name in CheckEvent.model_fields}
    return DefinedCheckEvent.model_construct(event.model_fields_set, **fields, blocking=graph.get(key).blocking)


def blocking_of(event: CheckEvent) -> bool | None:
    """The flag for Dagster's event; None where nobody knows."""
    return event.blocking if isinstance(event, DefinedCheckEvent) else None
