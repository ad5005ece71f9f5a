"""The settings of the Kafka consumer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from asset_consumer.kafka_security import check_security
from asset_consumer.librdkafka import (
    GroupProtocol,
    PropertyValue,
    as_text,
    check_property,
    check_secret,
    check_together,
    mask_secret,
    plain,
)
from asset_consumer.msk_iam import IAM_PROPERTIES, check_iam, iam_tokens
from asset_consumer.settings_fields import Name, Seconds, Section, TopicName, check_topic_name
from asset_consumer.settings_registry import SchemaRegistrySettings
from asset_events import EventType
from asset_reporting.scopes import InvalidScopeError, parse_scopes

Property: TypeAlias = Annotated[str, AfterValidator(check_property)]
"""The name of a librdkafka property that may be set."""

SecretProperty: TypeAlias = Annotated[Property, AfterValidator(check_secret)]
"""The name of one that holds a secret."""


class TopicSettings(Section):
    """One input topic, and the event type its records have when they do not say it themselves."""

    name: TopicName
    """The topic's name."""
    event_type: EventType | None = None
    """The one event type of this topic; without it each record says its own."""
    format: Literal["event", "openlineage"] = "event"
    """What its records are: asset events, or the run events of `openlineage`."""

    scopes: tuple[Annotated[str, Field(max_length=2000)], ...] | None = None
    """What its records may report, as the scopes of [API keys](keys.md) say it; unset, everything."""

    @field_validator("scopes")
    @classmethod
    def _something_may_be_reported(cls, scopes: tuple[str, ...] | None) -> tuple[str, ...] | None:
        try:
            known = parse_scopes(scopes or ())
        except InvalidScopeError as error:
            raise PydanticCustomError("scopes", "{reason}", {"reason": str(error)}) from None
        if scopes is not None and (not known.grants or known.roles):
            raise PydanticCustomError("scopes", "must be KIND:PREFIX, and at least one")
        return scopes

    @field_validator("format")
    @classmethod
    def _run_events_have_no_type(cls, name: str, info: ValidationInfo) -> str:
        if name != "event" and info.data.get("event_type") is not None:
            raise PydanticCustomError("format", "must be event where the topic has an event_type")
        return name


class KafkaSettings(Section):
    """How `consume` reads events, and where it puts those it cannot record."""

    bootstrap_servers: Name | None = None
    """Brokers to ask first, `host:port`, comma separated. `consume` needs it."""
    group_id: Name = "asset-bridge"
    """The consumer group; processes of one group share the partitions."""
    group_protocol: GroupProtocol = "classic"
    """How the group shares the partitions: `classic`, or `consumer` (KIP-848; Apache Kafka 4.0 or later)."""
    client_id: Name = "asset-bridge"
    """The name brokers log for this client."""
    topics: tuple[TopicSettings, ...] = (TopicSettings(name="dagster.asset-events"),)
    """Topics to read: names, comma separated; in YAML a list of names or of `{name, event_type, format, scopes}`."""
    dead_letter_topic: str = "{topic}.dlq"
    """Where records go that cannot be recorded: a template with `{topic}`, or one fixed name."""
    start: Literal["earliest", "latest", "error"] = "earliest"
    """Where a group without any offset begins: `earliest`, `latest`, or `error` (stop the partition and say so)."""
    out_of_range: Literal["error", "earliest", "latest"] = "error"
    """What to do when the offset lies outside the log (truncated, or made anew): `error`, `earliest` or `latest`."""
    provenance: bool = True
    """Whether a stored event's metadata says where it came from: `kafka/record` = `topic/partition/offset`."""
    connect_error_headers: bool = True
    """Whether dead letters also carry Kafka Connect's `__connect.errors.*` headers."""
    batch_max_records: Annotated[int, Field(ge=1, le=100_000)] = 1000
    """Most records in one batch, which is one transaction."""
    admin_timeout_s: Seconds = 10
    """Seconds that one question about topics or offsets may take."""
    shutdown_deadline_s: Seconds = 20
    """Seconds from SIGTERM to exit, brokers there or not."""
    allow_insecure: bool = False
    """Whether what TLS or a login should protect may go unprotected: certificates that nobody checks, a password or
    token that can be read on its way, a token that nobody has signed."""
    msk_iam_region: Name | None = None
    """AWS region of an MSK cluster: log in to it by IAM, as AWS's usual sources say as whom. Needs the extra `msk`."""
    schema_registry: SchemaRegistrySettings = SchemaRegistrySettings()
    """Where the schemas of framed values are."""
    librdkafka: dict[Property, Annotated[PropertyValue, BeforeValidator(as_text)]] = Field(default_factory=dict)
    """Any other librdkafka property, by its own name; in the environment with `_` for `.`."""
    librdkafka_files: dict[SecretProperty, Path] = Field(default_factory=dict)
    """Properties whose value is a file's content, for secrets: `sasl.password: /run/secrets/kafka`."""

    @field_validator("topics", mode="before")
    @classmethod
    def _names_alone_are_topics(cls, value: object) -> object:
        if isinstance(value, str):
            value = [name.strip() for name in value.split(",") if name.strip()]
        if isinstance(value, list | tuple):
            return [{"name": item} if isinstance(item, str) else item for item in value]  # pyright: ignore[reportUnknownVariableType] - YAML
        return value

    @field_validator("topics")
    @classmethod
    def _each_topic_once(cls, topics: tuple[TopicSettings, ...]) -> tuple[TopicSettings, ...]:
        if not topics:
            raise PydanticCustomError("topics", "must name at least one topic")
        if len({topic.name for topic in topics}) < len(topics):
            raise PydanticCustomError("topics", "must name each topic once")
        return topics

    @field_validator("dead_letter_topic")
    @classmethod
    def _dead_letters_are_no_input(cls, template: str, info: ValidationInfo) -> str:
        inputs = [topic.name for topic in info.data.get("topics", ())]
        dead = [check_topic_name(template.replace("{topic}", name)) for name in inputs or ["topic"]]
        if set(dead) & set(inputs):
            raise PydanticCustomError("dead_letter", "must differ from every topic that is read")
        return template

    @field_validator("librdkafka")
    @classmethod
    def _mask_secrets(cls, properties: dict[str, PropertyValue]) -> dict[str, PropertyValue]:
        return {name: mask_secret(name, value) for name, value in properties.items()}

    @field_validator("librdkafka_files")
    @classmethod
    def _fit_together(cls, files: dict[str, Path], info: ValidationInfo) -> dict[str, Path]:
        properties: dict[str, PropertyValue] = info.data.get("librdkafka", {})
        iam = info.data.get("msk_iam_region") is not None
        if iam:
            check_iam({*properties, *files})
            properties = {**properties, **IAM_PROPERTIES}
        check_together(properties, files, group_protocol=info.data.get("group_protocol", "classic"))
        brokers, insecure = info.data.get("bootstrap_servers"), bool(info.data.get("allow_insecure"))
        check_security(plain(properties), files, brokers=brokers, allow_insecure=insecure, iam=iam)
        registry: SchemaRegistrySettings | None = info.data.get("schema_registry")
        if registry is not None and not insecure and registry.sends_secret_readable():
            text = "would send the password or token readable over the network: use https, or set kafka.allow_insecure"
            raise PydanticCustomError("refused", "{text}", {"at": ("schema_registry", "url"), "text": text})
        return files

    def dead_letter_topic_of(self, topic: str) -> str:
        """The dead-letter topic for records of this input topic."""
        return self.dead_letter_topic.replace("{topic}", topic)

    def librdkafka_plain(self) -> dict[str, Any]:
        """The passed-through properties with their secrets: for a Kafka client's eyes only.

        Raises:
            SettingsError: They need an extra that is not installed.
        """
        if self.msk_iam_region is None:
            return {**plain(self.librdkafka)}
        return {**plain(self.librdkafka), **IAM_PROPERTIES, "oauth_cb": iam_tokens(self.msk_iam_region)}
