"""Every setting: its name, default, unit and limits. `settings_sources` reads them.

An attribute's docstring is its line in `docs/settings.md`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from asset_consumer.settings_console import ConsoleSettings
from asset_consumer.settings_fields import MIB, Bytes, Name, Port, Seconds, Section, TargetMode
from asset_consumer.settings_kafka import KafkaSettings, TopicSettings
from asset_consumer.settings_lineage import LineageSettings, NamingRuleSettings
from asset_consumer.settings_tls import TlsSettings
from asset_consumer.settings_tracing import TracingSettings
from asset_events import UnknownFields

__all__ = [
    "ConsoleSettings",
    "HttpSettings",
    "KafkaSettings",
    "LineageSettings",
    "ManagementSettings",
    "NamingRuleSettings",
    "Settings",
    "StorageSettings",
    "TargetSettings",
    "TopicSettings",
    "TracingSettings",
]


class HttpSettings(TlsSettings):
    """Where `serve` listens, and to whom."""

    host: Name = "127.0.0.1"
    """Address to listen on; `0.0.0.0` for all."""
    port: Port = 3000
    """Port to listen on; 0 takes any free one."""
    management_port: Port | None = None
    """Port at `management.host` for `/livez`, `/readyz` and `/metrics` of `serve`; unset, they are on `http.port`."""
    api_keys_file: Path | None = None
    """File of API keys. Without it `serve` listens on loopback only, unless `allow_anonymous`."""
    key_requests_per_s: Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)] | None = None
    """Requests a second that each key may make of one process in the long run, then 429; unset, as many as it likes."""
    key_burst: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    """Requests that a key which was quiet may make at once, where `key_requests_per_s` is set."""
    allow_anonymous: bool = False
    """Whether anybody may report beyond loopback without a key."""
    max_batch_bytes: Bytes = 16 * MIB
    """Largest request of many events (`/report_asset_events`), in bytes."""

    @field_validator("management_port")
    @classmethod
    def _probes_have_no_certificate(cls, port: int | None, info: ValidationInfo) -> int | None:
        if port is None and info.data.get("tls_client_ca_file") is not None:
            text = "is needed with tls_client_ca_file: a probe has no certificate, and is answered there without TLS"
            raise PydanticCustomError("management", text)
        return port


class ManagementSettings(Section):
    """Where `consume` answers `/livez`, `/readyz` and `/metrics`; for `serve` see `http.management_port`."""

    host: Name = "127.0.0.1"
    """Address to listen on; `0.0.0.0` where a kubelet or Prometheus asks from outside."""
    port: Port = 8081
    """Port to listen on; 0 takes any free one."""


class TargetSettings(Section):
    """What to do with events about assets, checks and partitions that Dagster does not define."""

    unknown_assets: TargetMode = "accept"
    """Events for an asset that no code location defines: `accept`, `warn` or `reject`."""
    unknown_checks: TargetMode = "accept"
    """Results of a check that no code location defines: `accept`, `warn` or `reject`."""
    unknown_partitions: TargetMode = "accept"
    """Events for a partition that the asset does not have: `accept`, `warn` or `reject`."""
    add_dynamic_partitions: bool = False
    """Whether an event for a partition that a dynamic definition lacks adds the partition in Dagster."""
    workspace: Path | None = None
    """`workspace.yaml` of the code locations; needed by each of the above that is not left at its default."""

    @field_validator("workspace")
    @classmethod
    def _needed_to_know_targets(cls, workspace: Path | None, info: ValidationInfo) -> Path | None:
        if workspace is None and info.data.get("add_dynamic_partitions"):
            raise PydanticCustomError("workspace", "is needed to know which partitions are dynamic")
        if workspace is None and set(info.data.values()) - {"accept", False}:
            raise PydanticCustomError("workspace", "is needed when unknown targets are not simply accepted")
        return workspace


class StorageSettings(Section):
    """How long and how widely Dagster's storage is asked."""

    deadline_s: Seconds = 10
    """Seconds that one HTTP request waits for Dagster's storage before it is answered 503."""
    workers: Annotated[int, Field(ge=1, le=64)] = 8
    """Posts recorded side by side by the public recorder; the transactional one has one writer."""
    idempotency_retention_days: Annotated[float, Field(gt=0, le=365, allow_inf_nan=False)] = 7
    """Days for which an idempotency key is remembered; give `serve` and `consume` the same, or the shorter counts."""


class Settings(BaseSettings):
    """All settings of one process; immutable, secrets masked."""

    model_config = SettingsConfigDict(
        env_prefix="ASSET_BRIDGE_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
        enable_decoding=False,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    kafka: KafkaSettings = KafkaSettings()
    http: HttpSettings = HttpSettings()
    management: ManagementSettings = ManagementSettings()
    console: ConsoleSettings = ConsoleSettings()
    lineage: LineageSettings = LineageSettings()
    targets: TargetSettings = TargetSettings()
    storage: StorageSettings = StorageSettings()
    tracing: TracingSettings = TracingSettings()
    unknown_fields: UnknownFields = "reject"
    """Fields that the contract does not know: `reject` (naming the nearest known one) or `ignore`."""
    event_time: Literal["arrival", "record"] = "arrival"
    """Timestamp of events that give none: `arrival`, or `record` (the Kafka record's)."""
    max_event_bytes: Bytes = MIB
    """Largest event, in bytes of JSON."""
    log_format: Literal["text", "json"] | None = None
    """`text` or `json`; unset means text on a terminal, else JSON."""
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
    ] = "INFO"
    """Least severe level that is logged: `DEBUG`, `INFO`, `WARNING` or `ERROR`."""
