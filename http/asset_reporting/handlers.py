"""The one place where reporting an asset event means something: HTTP posts and Kafka records both end here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from asset_reporting.idempotency import RETENTION_S
from asset_reporting.installed_dagster import give_connections_back
from asset_reporting.outcomes import Acceptable, Again, Outcome, Rejected, Unavailable
from asset_reporting.recorders import choose_recorder, database_of
from asset_reporting.storage_errors import describe
from asset_reporting.targets import AcceptAll, Targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster import DagsterInstance

    from asset_events import AssetEvent, ErrorDetail
    from asset_reporting.recorder import Progress, Recorder


@dataclass(frozen=True, slots=True)
class ReportingContext:
    """What reporting needs, built once per process: where to record, and which targets to accept."""

    recorder: Recorder
    targets: Targets = field(default_factory=AcceptAll)
    database: str | None = None
    """What kind of database that is, by OpenTelemetry's name for it, where we know one."""


def reporting_context(
    instance: DagsterInstance, targets: Targets | None = None, key_retention_s: float = RETENTION_S
) -> ReportingContext:
    """Build the context for an instance with the best recorder that it supports; raises what its storage raises.

    `key_retention_s` is for how many seconds an idempotency key is remembered.
    """
    give_connections_back(instance.event_log_storage)
    recorder = choose_recorder(instance, key_retention_s)
    return ReportingContext(recorder, targets or AcceptAll(), database_of(instance))


def report(
    context: ReportingContext, events: Sequence[AssetEvent], progress: Sequence[Progress] = (), *, whole: bool = False
) -> list[Outcome]:
    """Report events in order; one outcome per event, in the same order. Blocking, thread-safe, does not raise.

    Args:
        context: Where to record and which targets to accept.
        events: Valid events, in the order in which Dagster shall see them.
        progress: How far the consumer has come once all of them are recorded; empty for HTTP.
        whole: Whether nothing is to be recorded while a target of one of them is refused, as it is with `progress`.
    """
    problems = _problems(context.targets, events)
    if isinstance(problems, Unavailable):
        return [problems] * len(events)
    if (progress or whole) and any(problems):
        # The offsets must not pass an event that is not dead-lettered yet: first those, then the rest with the offsets.
        return [Rejected(problem) if problem else Again() for problem in problems]
    accepted = [event for event, problem in zip(events, problems, strict=True) if not problem]
    ready = _prepared(context.targets, accepted)
    if isinstance(ready, Unavailable):
        # What is wrong with the others stays so.
        return [Rejected(problem) if problem else ready for problem in problems]
    recorded = iter(context.recorder.record(ready, progress))
    return [Rejected(problem) if problem else next(recorded) for problem in problems]


def preview(targets: Targets, events: Sequence[AssetEvent]) -> list[Outcome]:
    """Say of each event what `report` would, as far as that can be told without the storage. Blocking, does not raise.

    Whether an idempotency key is used already is not looked up.
    """
    problems = _problems(targets, events)
    if isinstance(problems, Unavailable):
        return [problems] * len(events)
    return [Rejected(problem) if problem else Acceptable() for problem in problems]


def _prepared(targets: Targets, events: Sequence[AssetEvent]) -> Sequence[AssetEvent] | Unavailable:
    try:
        return targets.prepare(events)
    except Exception as error:  # noqa: BLE001 # as for their problems; and nothing has been recorded yet
        return Unavailable(f"targets: {describe(error)}")


def _problems(targets: Targets, events: Sequence[AssetEvent]) -> list[tuple[ErrorDetail, ...]] | Unavailable:
    try:
        return targets.problems(events)
    except Exception as error:  # noqa: BLE001 # a code location that cannot be asked is an outage, not a bad event
        return Unavailable(f"targets: {describe(error)}")
