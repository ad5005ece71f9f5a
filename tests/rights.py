"""What a user may do on a broker that has an authorizer: given and taken by somebody who may do everything."""

from __future__ import annotations

from typing import Any, TypeAlias

import confluent_kafka.admin

Right: TypeAlias = tuple[str, str, str]
"""A kind of resource, its name, and an operation, as Kafka's documentation writes them: `TOPIC`, `events`, `READ`."""

READ = "READ", "DESCRIBE_CONFIGS"
WRITE = "WRITE", "DESCRIBE_CONFIGS"
GROUP = ("READ",)
"""What the bridge needs on an input, on a dead-letter topic and on its group; Kafka lets whoever has them describe."""

WITHIN_S = 10.0

_admin: Any = confluent_kafka.admin  # most of its names are documented, not declared


def least(topic: str, dead_letters: str, group: str) -> dict[Right, str]:
    """The rights that are needed, one less is too few, and for what (`docs/deploy.md`)."""
    consume = [("TOPIC", topic, READ), ("TOPIC", dead_letters, WRITE), ("GROUP", group, GROUP)]
    parking = f"{dead_letters}.parking"
    return {
        **{(kind, name, operation): "consume" for kind, name, operations in consume for operation in operations},
        ("TOPIC", dead_letters, "READ"): "dlq",
        ("TOPIC", topic, "WRITE"): "dlq replay",
        ("TOPIC", parking, "WRITE"): "dlq park",
        ("TOPIC", parking, "READ"): "dlq list --parking",
    }


class Rights:
    """The rights of one user; whoever has none may do nothing."""

    def __init__(self, bootstrap: str, user: str) -> None:
        self._client = _admin.AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        self._user = user

    def give(self, *rights: Right) -> None:
        self._done(self._client.create_acls([_admin.AclBinding(*self._whole(*right)) for right in rights]))

    def take(self, *rights: Right) -> None:
        self._done(self._client.delete_acls([_admin.AclBindingFilter(*self._whole(*right)) for right in rights]))

    def _whole(self, kind: str, name: str, operation: str) -> tuple[Any, ...]:
        resource = _admin.ResourceType[kind], name, _admin.ResourcePatternType.LITERAL
        return *resource, f"User:{self._user}", "*", _admin.AclOperation[operation], _admin.AclPermissionType.ALLOW

    def _done(self, futures: Any) -> None:
        for future in futures.values():
            future.result(WITHIN_S)
