"""Every metric that is exported, in one place: its name, unit, labels, and what it is for.

They are set where their happening is: see `happenings`, and the recorder for what only it knows. A metric's help text
is its line in `docs/operate.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from asset_reporting.batch_size import WINDOW_S

if TYPE_CHECKING:
    from asset_reporting.recorder import Recorder

REGISTRY = CollectorRegistry()
for _standard in (ProcessCollector, PlatformCollector, GCCollector):
    _standard(registry=REGISTRY)

_WINDOW_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.03, WINDOW_S, 0.075, 0.1, 0.2, 0.5, 1, 5, 15)
_EVENTS_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)

RECORDER = Gauge(
    "asset_bridge_recorder_info",
    "Always 1: which recorder is in use. Alert when it is not exactly-once on PostgreSQL or SQLite.",
    ["recorder", "guarantee"],
    registry=REGISTRY,
)
WINDOW = Histogram(
    "asset_bridge_transaction_window_seconds",
    "From taking the writers' lock to the commit: for so long a foreign writer can overtake ours in a reader's eyes.",
    buckets=_WINDOW_BUCKETS,
    registry=REGISTRY,
)
LOCK_WAIT = Histogram(
    "asset_bridge_writers_lock_wait_seconds",
    "Waiting for the writers' lock, and for a connection: much of it means that several writers share one database.",
    buckets=_WINDOW_BUCKETS,
    registry=REGISTRY,
)
BATCH_EVENTS = Histogram(
    "asset_bridge_transaction_events",
    "Events in one transaction.",
    buckets=_EVENTS_BUCKETS,
    registry=REGISTRY,
)
BATCH_LIMIT = Gauge(
    "asset_bridge_transaction_events_limit",
    "Most events to put into one transaction, adapted to the window. At 100 the database is slow; below, batches fail.",
    registry=REGISTRY,
)
FENCED = Counter(
    "asset_bridge_ledger_fences_total",
    "Batches refused as the offset ledger had moved: a partition's former owner, or a commit whose answer was lost.",
    registry=REGISTRY,
)


def show_recorder(recorder: Recorder) -> None:
    """Export which recorder was chosen, and no other."""
    RECORDER.clear()
    RECORDER.labels(recorder.name, recorder.guarantee).set(1)
