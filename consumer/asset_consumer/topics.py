"""What the brokers say about the topics, and what of it stands in the way of consuming them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from confluent_kafka import KafkaException
from confluent_kafka.admin import ConfigResource, ResourceType  # type: ignore[attr-defined] # documented, not declared

if TYPE_CHECKING:
    from concurrent.futures import Future

    from confluent_kafka.admin import AdminClient, ConfigEntry  # type: ignore[attr-defined] # documented, not declared

HEADROOM_BYTES: Final = 64 * 1024
"""How much larger than its record a dead letter may be: its headers take far less."""

_MISSING: Final = frozenset({"UNKNOWN_TOPIC_OR_PART", "UNKNOWN_TOPIC_ID"})
_REFUSED: Final = frozenset({"TOPIC_AUTHORIZATION_FAILED", "TOPIC_EXCEPTION"})


class BrokersUnavailableError(Exception):
    """Raised when the brokers do not answer now: nothing is known about the topics, and asking again may help."""


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """What is known about a topic; None is not known.

    `error` is the broker's name for why the topic cannot be used; `unverified` says why its configuration is not known.
    """

    name: str
    partitions: int = 0
    error: str | None = None
    cleanup_policy: str | None = None
    max_message_bytes: int | None = None
    retention_ms: int | None = None
    unverified: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """Something to tell before consuming; `refuses` when consuming would lose dead letters or read nothing."""

    code: str
    message: str
    refuses: bool = True


def describe(admin: AdminClient, names: Iterable[str], timeout_s: float) -> dict[str, TopicFacts]:
    """Ask the brokers about topics, without creating any; `admin` comes from `client.admin_config`.

    Raises:
        BrokersUnavailableError: No broker answered, or one that does not know now; try again.
    """
    described = {name: _exists(admin, name, timeout_s) for name in dict.fromkeys(names)}
    there = [name for name, (facts, _) in described.items() if facts.error is None]
    if all(controller for _, controller in described.values()):
        configured = _configs(admin, there, timeout_s)
    else:
        configured = dict.fromkeys(there, "no controller is known")
    return {name: _with_config(facts, configured.get(name)) for name, (facts, _) in described.items()}


def problems(pairs: Sequence[tuple[TopicFacts, TopicFacts]]) -> list[Problem]:
    """What is wrong with input topics and their dead-letter topics, each problem once, refusals first."""
    inputs = {source.name for source, _ in pairs}
    found = [problem for pair in pairs for problem in _pair_problems(*pair, inputs)]
    return sorted(dict.fromkeys(found), key=lambda problem: not problem.refuses)


def _pair_problems(source: TopicFacts, dead: TopicFacts, inputs: set[str]) -> Iterable[Problem]:
    if source.error is not None:
        yield _unusable("input", source, "kafka.topics", "READ")
    if dead.name in inputs:
        text = f"The dead-letter topic {dead.name} is also read as input: every dead letter would fail again, for ever."
        yield Problem("dead_letter.is_input", f"{text} Name another one in kafka.dead_letter_topic.")
    if dead.error is not None:
        yield _unusable("dead_letter", dead, "kafka.dead_letter_topic", "WRITE")
    if "compact" in (dead.cleanup_policy or ""):
        text = f"The dead-letter topic {dead.name} is compacted: letters that share a key would erase each other."
        yield Problem("dead_letter.compacted", f"{text} Set its cleanup.policy to delete.")
    yield from _size_problems(source, dead)
    yield from _retention_problems(source, dead)
    for topic in (source, dead):
        if topic.unverified is not None:
            text = f"The configuration of {topic.name} could not be read ({topic.unverified}):"
            text += " cleanup policy, size limit and retention were not checked."
            if topic.unverified == "TOPIC_AUTHORIZATION_FAILED":
                text += " That needs DESCRIBE_CONFIGS on it."
            yield Problem("topic.not_verified", text, refuses=False)


def _unusable(kind: str, topic: TopicFacts, setting: str, rights: str) -> Problem:
    what = "input topic" if kind == "input" else "dead-letter topic"
    if topic.error in _MISSING:
        return Problem(f"{kind}.missing", f"The {what} {topic.name} does not exist. Create it, or correct {setting}.")
    text = f"The {what} {topic.name} cannot be used ({topic.error}). This client needs {rights} on it."
    return Problem(f"{kind}.forbidden", text)


def _size_problems(source: TopicFacts, dead: TopicFacts) -> Iterable[Problem]:
    if source.max_message_bytes is None or dead.max_message_bytes is None:
        return
    least = source.max_message_bytes + HEADROOM_BYTES
    if dead.max_message_bytes < least:
        text = f"The dead-letter topic {dead.name} takes records of {dead.max_message_bytes} bytes, {source.name} of"
        text += f" {source.max_message_bytes}: a letter would not fit. Set its max.message.bytes to {least} or more."
        yield Problem("dead_letter.too_small", text)


def _retention_problems(source: TopicFacts, dead: TopicFacts) -> Iterable[Problem]:
    if source.retention_ms is None or dead.retention_ms is None or dead.retention_ms < 0:
        return
    if source.retention_ms < 0 or dead.retention_ms < source.retention_ms:
        text = f"The dead-letter topic {dead.name} keeps records for a shorter time than {source.name}: raise its"
        yield Problem("dead_letter.short_retention", f"{text} retention.ms to the time people need.", refuses=False)


def _exists(admin: AdminClient, name: str, timeout_s: float) -> tuple[TopicFacts, bool]:
    """A topic without its configuration, and whether a controller is there to ask for that."""
    try:
        metadata = admin.list_topics(name, timeout=timeout_s)
    except KafkaException as error:
        admin.poll(0)  # brings the client's log lines out: they alone know of a refused password or certificate
        raise BrokersUnavailableError(f"the brokers do not answer: {error.args[0].name()}") from error
    topic = metadata.topics[name]
    error_name = None if topic.error is None else topic.error.name()
    if error_name is not None and error_name not in _MISSING | _REFUSED:
        raise BrokersUnavailableError(f"the brokers do not know about {name} now: {error_name}")
    return TopicFacts(name, len(topic.partitions), error_name), metadata.controller_id in metadata.brokers


def _configs(admin: AdminClient, names: Sequence[str], timeout_s: float) -> dict[str, Mapping[str, ConfigEntry] | str]:
    """Each topic's configuration, or why it is not known; that is no outage: the right to read it may be missing."""
    if not names:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    futures = cast(
        "dict[ConfigResource, Future[Mapping[str, ConfigEntry]]]",
        admin.describe_configs(resources, request_timeout=timeout_s),  # pyright: ignore[reportUnknownMemberType] - an untyped Future
    )
    return {resource.name: _answer(future) for resource, future in futures.items()}


def _answer(future: Future[Mapping[str, ConfigEntry]]) -> Mapping[str, ConfigEntry] | str:
    try:
        return future.result()
    except KafkaException as error:
        return str(error.args[0].name())


def _with_config(facts: TopicFacts, config: Mapping[str, ConfigEntry] | str | None) -> TopicFacts:
    if config is None or isinstance(config, str):
        return TopicFacts(facts.name, facts.partitions, facts.error, unverified=config)
    return TopicFacts(
        facts.name,
        facts.partitions,
        facts.error,
        cleanup_policy=config["cleanup.policy"].value,
        max_message_bytes=_number(config["max.message.bytes"].value),
        retention_ms=_number(config["retention.ms"].value),
    )


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)
