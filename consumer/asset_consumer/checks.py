"""What `asset-bridge check` looks at: each check gives findings, and changes nothing of the user's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from asset_consumer.settings_problems import SettingsError
from asset_reporting.storage_errors import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asset_consumer.settings import Settings

Verdict: TypeAlias = Literal["ok", "remark", "refused", "failed"]
"""`refused`: start-up would end with exit code 78; `failed`: something does not answer now."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of the table."""

    what: str
    verdict: Verdict
    detail: str


def check_all(settings: Settings) -> Iterator[Finding]:
    """Check settings, keys, storage, brokers and topics, and say what each has to say as soon as it is known."""
    yield Finding("settings", "ok", "read and understood")
    yield from _http(settings)
    yield from _storage(settings)
    yield from _kafka(settings)
    yield from _schema_registry(settings)
    yield from _tracing(settings)


def _http(settings: Settings) -> Iterator[Finding]:
    from asset_consumer.serve import load_api_keys  # noqa: PLC0415 # slow: it brings Dagster and Starlette
    from asset_consumer.server_tls import server_tls  # noqa: PLC0415 # see above

    try:
        keys = load_api_keys(settings)
        tls = server_tls(settings.http, "http")
    except SettingsError as error:
        yield from (Finding("http", "refused", problem) for problem in error.problems)
        return
    access = "with API keys" if keys else "for anybody who can reach it"
    if tls is not None:
        access += ", by TLS" if settings.http.tls_client_ca_file is None else ", by TLS with client certificates"
    yield Finding("http", "ok", f"{settings.http.host}:{settings.http.port}, {access}")


def _storage(settings: Settings) -> Iterator[Finding]:
    from asset_consumer.dagster_instance import home_problem  # noqa: PLC0415 # slow: it brings Dagster
    from asset_consumer.instance_opening import get_instance  # noqa: PLC0415 # see above
    from asset_consumer.workspace import workspace_target  # noqa: PLC0415 # slow
    from asset_reporting.public_recorder import PublicRecorder  # noqa: PLC0415 # slow

    try:
        workspace_target(settings)
        with get_instance() as instance:
            # Which recorder will be used is decided at start, by a self-test that writes; here nothing is changed.
            reason = PublicRecorder(instance).probe()
            detail = f"{type(instance.event_log_storage).__name__} answers"
    except Exception as error:  # noqa: BLE001 # a finding, whatever it is
        refused = error if isinstance(error, SettingsError) else home_problem(error)
        if refused is None:
            yield Finding("storage", "failed", describe(error))
        else:
            yield from (Finding("storage", "refused", problem) for problem in refused.problems)
        return
    yield Finding("storage", "failed" if reason else "ok", reason or detail)


def _kafka(settings: Settings) -> Iterator[Finding]:
    from asset_consumer.topic_check import topic_problems  # noqa: PLC0415 # brings the Kafka client
    from asset_consumer.topics import BrokersUnavailableError  # noqa: PLC0415 # see above

    kafka = settings.kafka
    if kafka.bootstrap_servers is None:
        text = "ASSET_BRIDGE_KAFKA__BOOTSTRAP_SERVERS (kafka.bootstrap_servers) is not set: `consume` needs it"
        yield Finding("kafka", "remark", text)
        return
    try:
        found = topic_problems(settings)
    except SettingsError as error:
        yield from (Finding("kafka", "refused", problem) for problem in error.problems)
        return
    except BrokersUnavailableError as error:
        yield Finding("kafka", "failed", str(error))
        return
    yield Finding("kafka", "ok", f"{kafka.bootstrap_servers} answers")
    for problem in found:
        yield Finding("topics", "refused" if problem.refuses else "remark", f"{problem.code}: {problem.message}")
    if not any(problem.refuses for problem in found):
        for topic in kafka.topics:
            yield Finding("topics", "ok", f"{topic.name}, dead letters on {kafka.dead_letter_topic_of(topic.name)}")


def _schema_registry(settings: Settings) -> Iterator[Finding]:
    from asset_consumer.registry_client import open_schema_registry  # noqa: PLC0415 # brings the Kafka client

    try:
        with open_schema_registry(settings) as registry:
            if registry is not None:
                reason = registry.probe()
                answers = f"{settings.kafka.schema_registry.url} answers"
                yield Finding("schema registry", "failed" if reason else "ok", reason or answers)
    except SettingsError as error:
        yield from (Finding("schema registry", "refused", problem) for problem in error.problems)


def _tracing(settings: Settings) -> Iterator[Finding]:
    from asset_consumer.span_export import check_usable  # noqa: PLC0415 # slow: the SDK, where it is

    if settings.tracing.enabled:
        try:
            check_usable()
        except SettingsError as error:
            yield from (Finding("tracing", "refused", problem) for problem in error.problems)
            return
        yield Finding("tracing", "ok", "spans are sent; nothing waits for the collector, so it is not asked")
