"""Every metric that is exported, in one place: its name, unit, labels, what it says, and what to do about it.

They are set where their happening is (`happenings`), and by the recorder for what only it knows. What is a state rather
than a happening is `Live`: computed when Prometheus asks, so that it is never stale, and gone with what it tells of. A
metric's help text is its line in `docs/operate.md`.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from asset_reporting.batch_size import WINDOW_S
from asset_reporting.live_metrics import Live, LiveMetrics

if TYPE_CHECKING:
    from asset_reporting.recorder import Recorder

REGISTRY = CollectorRegistry()
for _standard in (ProcessCollector, PlatformCollector, GCCollector):
    _standard(registry=REGISTRY)

LIVE = LiveMetrics(REGISTRY)
"""What computes the `Live` ones; who knows them adds itself."""

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

_SECONDS_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)

BUILD = Gauge(
    "asset_bridge_build_info",
    "Always 1: which version of asset-bridge and of Dagster runs. More than one for long is a rollout that is stuck.",
    ["version", "dagster_version"],
    registry=REGISTRY,
)
BUILD.labels(version("dagster-asset-bridge"), version("dagster")).set(1)
READY = Live(
    "asset_bridge_ready",
    "1 when /readyz says ready. At 0 look at asset_bridge_condition, and for its reason at /readyz.",
)
CONDITION = Live(
    "asset_bridge_condition",
    "1 for each condition of /readyz that holds, 0 for one that does not: see docs/kafka.md for what to do about each.",
    ("condition",),
)
HEARTBEAT_AGE = Live(
    "asset_bridge_heartbeat_age_seconds",
    "Since the loop has turned last; /livez fails beyond its bound. Growing: the process hangs, keep its log.",
)

EVENTS = Counter(
    "asset_bridge_events_total",
    "Events by what became of them: recorded, replayed (recorded earlier under the same key), rejected, unavailable"
    " (the storage did not take it now), failed; by the road dry_run, what would. Failed ones are in the log as ERROR.",
    ["road", "event_type", "outcome"],
    registry=REGISTRY,
)
HTTP_REQUESTS = Counter(
    "asset_bridge_http_requests_total",
    "HTTP requests by route and status; without status if the sender left. 5xx: see /readyz. 401: who lost its key?",
    ["route", "method", "status"],
    registry=REGISTRY,
)
HTTP_SECONDS = Histogram(
    "asset_bridge_http_request_seconds",
    "From an HTTP request's head to the end of its answer. Long ones wait for the database: see the transactions.",
    ["route"],
    buckets=_SECONDS_BUCKETS,
    registry=REGISTRY,
)

REFUSED_KEYS = Counter(
    "asset_bridge_api_key_refusals_total",
    "Requests without a key that counts, by reason: missing, malformed, unknown, wrong, not_yet_valid, expired."
    " Somebody was not given the new key; or many unknown ones: somebody tries.",
    ["reason"],
    registry=REGISTRY,
)
RATE_LIMITED = Counter(
    "asset_bridge_rate_limited_requests_total",
    "Requests answered 429, by the key's id. Its sender should send many events at a time, or may need a higher limit.",
    ["key"],
    registry=REGISTRY,
)
KEY_EXPIRES = Live(
    "asset_bridge_api_key_expires_timestamp_seconds",
    "When an API key expires, in epoch seconds, by its id. Soon: make a new one of the same name for its senders.",
    ("key",),
)
KEYS_STALE = Live(
    "asset_bridge_api_keys_stale",
    "1 while the file of API keys cannot be used, and what it said before goes on to count. The log says why.",
)

CONSUMED = Counter(
    "asset_bridge_consumed_records_total",
    "Kafka records taken from the brokers; those that are read again after a rebalance count again.",
    ["topic"],
    registry=REGISTRY,
)
LAG = Live(
    "asset_bridge_lag_records",
    "Records between the ledger and the end of the log, of partitions that this process owns; the end is asked for"
    " every five seconds. Growing: see asset_bridge_paused_partitions, then the transactions.",
    ("topic", "partition"),
)
OLDEST_AGE = Live(
    "asset_bridge_oldest_unprocessed_record_age_seconds",
    "Age, by its timestamp, of the record that is next in an owned partition; before it was fetched, for how long it is"
    " known of; 0 when there is none. It grows while a partition is held: alert on it rather than on the lag.",
    ("topic", "partition"),
)
PAUSED = Live(
    "asset_bridge_paused_partitions",
    "Owned partitions that wait: outage (the storage), held (see /readyz), stopped (an operator must decide), operator"
    " (asset-bridge pause).",
    ("reason",),
)
ASSIGNED = Live(
    "asset_bridge_assigned_partitions",
    "Kafka partitions that this process owns. 0 is in order for a member beyond their number; 0 in all is not.",
)
BATCH_RECORDS = Histogram(
    "asset_bridge_batch_records",
    "Records settled in one turn of the loop. Always the maximum: consumption is behind, see the lag.",
    buckets=_EVENTS_BUCKETS,
    registry=REGISTRY,
)
BATCH_SECONDS = Histogram(
    "asset_bridge_batch_seconds",
    "To settle one batch: dead letters, their acknowledgement, the transaction. Long ones: compare the transactions.",
    buckets=_SECONDS_BUCKETS,
    registry=REGISTRY,
)
DEAD_LETTERS = Counter(
    "asset_bridge_dead_letters_total",
    "Records written to a dead-letter topic, by the topic they came from and code. See them: asset-bridge dlq list.",
    ["topic", "code"],
    registry=REGISTRY,
)
DEAD_LETTER_FAILURES = Counter(
    "asset_bridge_dead_letter_failures_total",
    "Dead letters that could not be written, by reason; their partition is held. Mend the topic, its size or its ACL.",
    ["topic", "reason"],
    registry=REGISTRY,
)
REBALANCES = Counter(
    "asset_bridge_rebalances_total",
    "Rebalances by kind: assigned, revoked, lost. Many: see what restarts, or holds a process for too long.",
    ["kind"],
    registry=REGISTRY,
)
COMMITS = Counter(
    "asset_bridge_commits_total",
    "Offset commits to Kafka by outcome, ok or the error's name. Failing ones lose nothing: the ledger is the truth.",
    ["outcome"],
    registry=REGISTRY,
)
COMMIT_SECONDS = Histogram(
    "asset_bridge_commit_seconds",
    "From an offset commit to the broker's answer. Long ones: the group's coordinator is slow, look at that broker.",
    buckets=_SECONDS_BUCKETS,
    registry=REGISTRY,
)
CLIENT_ERRORS = Counter(
    "asset_bridge_kafka_client_errors_total",
    "Errors that the Kafka client reported, by name: see librdkafka's error list, and the log for the topic.",
    ["error"],
    registry=REGISTRY,
)
BROKER_UP = Live(
    "asset_bridge_kafka_broker_up",
    "1 while the client is connected to this broker (librdkafka's statistics). 0 in all, or none: network or login.",
    ("broker",),
)
BROKER_RTT = Live(
    "asset_bridge_kafka_broker_rtt_seconds",
    "Mean round trip to this broker of late (librdkafka's statistics). Fetches wait for records, up to half a second.",
    ("broker",),
)
BROKER_ERRORS = Live(
    "asset_bridge_kafka_broker_errors_total",
    "Failed requests to this broker by kind: transmit, receive, timeout (librdkafka's statistics). See that broker.",
    ("broker", "kind"),
    kind="counter",
)
FETCH_QUEUE = Live(
    "asset_bridge_kafka_fetch_queue_records",
    "Records prefetched and not yet taken (librdkafka's statistics). Empty with a lag: fetching is what is slow.",
    ("topic", "partition"),
)


def show_recorder(recorder: Recorder) -> None:
    """Export which recorder was chosen, and no other."""
    RECORDER.clear()
    RECORDER.labels(recorder.name, recorder.guarantee).set(1)
