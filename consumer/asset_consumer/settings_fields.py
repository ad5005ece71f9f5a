"""What the settings are made of: a section's base class, and types with units and limits."""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

MIB = 1024 * 1024

Seconds: TypeAlias = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
"""A time span, at most an hour."""

Bytes: TypeAlias = Annotated[int, Field(ge=1024, le=64 * MIB)]
"""A size limit."""

Port: TypeAlias = Annotated[int, Field(ge=0, le=65535)]
"""A TCP port; 0 takes any free one."""

Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=1024)]
"""A text that must say something."""

TargetMode: TypeAlias = Literal["accept", "warn", "reject"]
"""What to do with an event whose target Dagster does not define."""

_TOPIC_NAME = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,249}")  # what a broker takes: Kafka's Topic.validate


def check_topic_name(name: str) -> str:
    """Refuse what no Kafka broker takes as a topic's name."""
    if not _TOPIC_NAME.fullmatch(name):
        raise PydanticCustomError("topic", "must be a Kafka topic name: letters, digits, '.', '_' and '-'")
    return name


TopicName: TypeAlias = Annotated[str, AfterValidator(check_topic_name)]
"""The name of one Kafka topic."""


class Section(BaseModel):
    """A group of settings: immutable, no unknown names, and errors that never repeat a value."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True, validate_default=True
    )
