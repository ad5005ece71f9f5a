"""Choose the best recorder that an instance supports, and say loudly when it is not the best there is."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import sqlalchemy as db

from asset_reporting import ledger, metrics
from asset_reporting.bridge_tables import OFFSETS
from asset_reporting.idempotency import RETENTION_S
from asset_reporting.letter_fates import LetterFates
from asset_reporting.public_recorder import PublicRecorder
from asset_reporting.recorder import GroupId, Positions, Recorder
from asset_reporting.self_test import SelfTestError, self_test
from asset_reporting.transactional_recorder import TransactionalRecorder

if TYPE_CHECKING:
    from dagster import DagsterInstance

# By name: dagster-postgres is an extra and must not be imported to recognise its storage. Not their subclasses:
# those may write elsewhere.
_TRANSACTIONAL = {"PostgresEventLogStorage": "postgresql", "SqliteEventLogStorage": "sqlite"}

_log = logging.getLogger("asset_bridge.storage")


def choose_recorder(instance: DagsterInstance, key_retention_s: float = RETENTION_S) -> Recorder:
    """Build the transactional recorder where it is proved to work, else the public one, which remembers no keys.

    A storage that does not answer raises what it raises: an outage is waited for, no reason for a lesser recorder.
    """
    recorder = _best_recorder(instance, key_retention_s)
    metrics.show_recorder(recorder)
    return recorder


def _best_recorder(instance: DagsterInstance, key_retention_s: float) -> Recorder:
    storage = instance.event_log_storage
    if not keeps_tables(storage):
        return _public(instance, f"{type(storage).__name__} has no transactions that we know")
    try:
        self_test(storage)
    except SelfTestError as error:
        return _public(instance, f"the self-test failed: {error}")
    return TransactionalRecorder(instance, key_retention_s)


def _public(instance: DagsterInstance, reason: str) -> PublicRecorder:
    fields = {"happening": "lesser_recorder", "reason": reason}
    _log.warning("Events are recorded one by one and at-least-once: %s.", reason, extra=fields)
    return PublicRecorder(instance, reason)


def keeps_tables(storage: object) -> bool:
    """Whether an event log storage is one whose database can hold tables of ours."""
    return type(storage).__name__ in _TRANSACTIONAL


def recorder_facts(recorder: Recorder) -> dict[str, str]:
    """Which recorder is in use, for the readiness document, and why it is not the best one."""
    facts = {"name": recorder.name, "guarantee": recorder.guarantee}
    return facts if recorder.shortcoming is None else facts | {"reason": recorder.shortcoming}


def database_of(instance: DagsterInstance) -> str | None:
    """What kind of database the event log is in, where it is one of those that we know."""
    return _TRANSACTIONAL.get(type(instance.event_log_storage).__name__)


def read_ledger(instance: DagsterInstance, group: GroupId) -> Positions:
    """Where each partition of a group stands, without choosing a recorder or making its tables; empty if nowhere."""
    storage: Any = instance.event_log_storage
    if not keeps_tables(storage):
        return {}
    with storage.index_connection() as connection:
        return ledger.read(connection, group) if db.inspect(connection).has_table(OFFSETS.name) else {}


def letter_fates(instance: DagsterInstance, cluster_id: str) -> LetterFates | None:
    """What became of the dead letters of a Kafka cluster; None where the instance's storage cannot keep it."""
    storage = instance.event_log_storage
    return LetterFates(instance, cluster_id) if type(storage).__name__ in _TRANSACTIONAL else None
