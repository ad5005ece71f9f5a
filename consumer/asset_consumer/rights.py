"""Which of the rights that are needed the brokers have not given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AclOperation  # type: ignore[attr-defined] # documented, not declared

from asset_consumer.topics import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import Future

    from asset_consumer.kafka_clients import AdminClient


def right_problems(
    admin: AdminClient, inputs: Iterable[str], letters: Iterable[str], group: str, timeout_s: float
) -> Iterator[Problem]:
    """Which rights this client lacks, as the brokers say; nothing where they do not say it.

    Args:
        admin: A client with the rights in question.
        inputs: Topics that are there, to be read.
        letters: Topics that are there, to be written.
        group: The consumer group.
        timeout_s: How long one question may take.
    """
    wanted = {**dict.fromkeys(inputs, AclOperation.READ), **dict.fromkeys(letters, AclOperation.WRITE)}
    for topic, allowed in _of_topics(admin, list(wanted), timeout_s).items():
        if wanted[topic] not in allowed:
            read = wanted[topic] == AclOperation.READ
            code, what = ("input.forbidden", "input") if read else ("dead_letter.forbidden", "dead-letter")
            yield Problem(code, _lacks(f"The {what} topic {topic}", wanted[topic].name))
    if AclOperation.READ not in _of_group(admin, group, timeout_s):
        yield Problem("group.forbidden", _lacks(f"The group {group}", "READ"))


def _lacks(what: str, operation: str) -> str:
    return f"{what} cannot be used: this client needs {operation} on it."


def _of_topics(admin: AdminClient, topics: list[str], timeout_s: float) -> dict[str, set[Any]]:
    futures = cast(
        "dict[str, Future[Any]]",
        admin.describe_topics(  # pyright: ignore[reportUnknownMemberType] - an untyped Future
            TopicCollection(topics), include_authorized_operations=True, request_timeout=timeout_s
        )
        if topics
        else {},
    )
    found: dict[str, set[Any]] = {}
    for topic, future in futures.items():
        try:
            operations = set(future.result(2 * timeout_s).authorized_operations or ())
        except (KafkaException, TimeoutError):
            continue
        if operations:  # whoever may look at a topic may at least do that: none means that the broker cannot tell
            found[topic] = operations
    return found


def _of_group(admin: AdminClient, group: str, timeout_s: float) -> set[Any]:
    asked = cast(
        "Any",
        admin.describe_consumer_groups(  # pyright: ignore[reportUnknownMemberType] - an untyped Future
            [group], include_authorized_operations=True, request_timeout=timeout_s
        ),
    )
    try:
        operations = asked[group].result(2 * timeout_s).authorized_operations
    except (KafkaException, TimeoutError) as error:
        refused = isinstance(error, KafkaException) and error.args[0].code() == KafkaError.GROUP_AUTHORIZATION_FAILED
        return set() if refused else {AclOperation.READ}
    return set(operations or ()) or {AclOperation.READ}
