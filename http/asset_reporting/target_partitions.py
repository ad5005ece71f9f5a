"""Partitions of what events name: whether a definition has one, and adding those that a dynamic one lacks."""

from __future__ import annotations

import logging
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dagster import AssetKey, DynamicPartitionsDefinition, MultiPartitionsDefinition
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.definitions.partitions.utils import raise_error_on_invalid_partition_key_substring
from dagster._core.errors import DagsterInvalidDefinitionError
from dagster._core.instance.types import CachingDynamicPartitionsLoader

from asset_reporting.storage_errors import classify, describe

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from dagster import DagsterInstance, PartitionsDefinition
    from dagster._core.workspace.context import BaseWorkspaceRequestContext

    from asset_events import AssetEvent

FEW_KEYS = 8
"""So many keys of a definition are asked for one by one; where a batch has more, all there are are read once."""

_log = logging.getLogger("asset_bridge.targets")


class BatchPartitions(CachingDynamicPartitionsLoader):
    """The dynamic partitions that there are, remembered for one batch: one query per key would be one per event."""

    def __init__(self, instance: DagsterInstance) -> None:
        """Ask `instance`."""
        super().__init__(instance)
        self._asked = defaultdict[str, set[str]](set)
        self._all: dict[str, frozenset[str]] = {}

    def has_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> bool:
        """Whether a definition has a partition; raises what the storage raises."""
        asked = self._asked[partitions_def_name]
        asked.add(partition_key)
        if len(asked) <= FEW_KEYS:
            return super().has_dynamic_partition(partitions_def_name, partition_key)
        if partitions_def_name not in self._all:
            self._all[partitions_def_name] = frozenset(self.get_dynamic_partitions(partitions_def_name))
        return partition_key in self._all[partitions_def_name]


@contextmanager
def batch_partitions(instance: DagsterInstance) -> Generator[BatchPartitions]:
    """Let Dagster's definitions look their dynamic partitions up so, until the end of a batch."""
    partitions = BatchPartitions(instance)
    with partition_loading_context(dynamic_partitions_store=partitions):
        yield partitions


def has_partition(definition: PartitionsDefinition, key: str) -> bool:
    """Whether a definition has this partition; raises when the storage does not say.

    A key so odd that Dagster stumbles over it is none of the definition's.
    """
    try:
        return definition.has_partition_key(key)
    except Exception as error:
        if classify(error) == "unavailable":
            raise
        return False


def may_have_partition(definition: PartitionsDefinition, key: str) -> bool:
    """Whether a definition has this partition, or can be given it."""
    if isinstance(definition, DynamicPartitionsDefinition):
        return _is_addable(key)
    if isinstance(definition, MultiPartitionsDefinition):
        parts = _parts(definition, key)
        return parts is not None and all(may_have_partition(one, part) for one, part in parts)
    return has_partition(definition, key)


def add_missing(context: BaseWorkspaceRequestContext, events: Sequence[AssetEvent], known: BatchPartitions) -> None:
    """Add, in the order of the events, what dynamic definitions lack; raises when the storage does not answer."""
    missing = defaultdict[str, dict[str, None]](dict)
    for event in events:
        key = AssetKey(event.asset_key)
        if event.partition is None or not context.asset_graph.has(key):
            continue
        definition = context.asset_graph.get(key).partitions_def
        if definition is None or not may_have_partition(definition, event.partition):
            continue
        for name, part in _dynamic_parts(definition, event.partition):
            if not known.has_dynamic_partition(name, part):
                missing[name][part] = None
    for name, parts in missing.items():
        _add(context.instance, name, list(parts))


def _add(instance: DagsterInstance, name: str, keys: list[str]) -> None:
    try:
        instance.add_dynamic_partitions(name, keys)
    except Exception as error:
        # Also where another process was quicker: by the next attempt they are there.
        if classify(error) == "unavailable":
            raise
        fields = {"happening": "partitions_not_added", "definition": name, "reason": describe(error)}
        _log.error("Dynamic partitions cannot be added; their events are recorded without.", extra=fields)
    else:
        added = {"happening": "partitions_added", "definition": name, "partitions": len(keys)}
        _log.info("Dynamic partitions were added.", extra=added)


def _dynamic_parts(definition: PartitionsDefinition, key: str) -> Iterator[tuple[str, str]]:
    """The dynamic definitions that a partition takes a key of, by name."""
    if isinstance(definition, DynamicPartitionsDefinition) and definition.name:
        yield definition.name, key
    elif isinstance(definition, MultiPartitionsDefinition):
        for one, part in _parts(definition, key) or ():
            yield from _dynamic_parts(one, part)


def _parts(definition: MultiPartitionsDefinition, key: str) -> list[tuple[PartitionsDefinition, str]] | None:
    """Each dimension's definition and the key's part for it; None where the key has not as many parts."""
    keys = key.split("|")
    if len(keys) != len(definition.partitions_defs):
        return None
    return [(one.partitions_def, part) for one, part in zip(definition.partitions_defs, keys, strict=True)]


def _is_addable(key: str) -> bool:
    """What Dagster refuses where partitions are added in its UI or by a sensor."""
    try:
        raise_error_on_invalid_partition_key_substring([key])
    except DagsterInvalidDefinitionError:
        return False
    return key != ""
