"""The settings of the web console."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator
from pydantic_core import PydanticCustomError

from asset_consumer.settings_fields import Name, Port
from asset_consumer.settings_tls import TlsSettings


def _check_address(text: str) -> str:
    """Take an address without its last slash; a path may follow the host, as behind a proxy."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    else:
        usable = usable and not (parts.query or parts.fragment or parts.username or parts.password)
    if not usable:
        raise PydanticCustomError("address", "must be an address such as http://host:8081, without user or query")
    return text.rstrip("/")


Address: TypeAlias = Annotated[Name, AfterValidator(_check_address)]
"""Where something is served: scheme, host, port, and perhaps a path."""


class ConsoleSettings(TlsSettings):
    """Where `console` listens, whom it shows what, and whom it asks."""

    host: Name = "127.0.0.1"
    """Address to listen on; `0.0.0.0` for all."""
    port: Port = 3080
    """Port to listen on; 0 takes any free one."""
    keys_file: Path | None = None
    """File of [API keys](keys.md) of who may look (scope `viewer`) or act (`operator`); without it, nobody acts."""
    allow_anonymous: bool = False
    """Whether anybody may look without a key, also beyond loopback; they see the payloads of dead letters."""
    management_urls: tuple[Address, ...] = ("http://127.0.0.1:8081",)
    """Where consumers answer `/readyz`, comma separated; each host name stands for all of its addresses."""
    dagster_url: Address | None = None
    """Address of Dagster's UI, for links into it: `http://localhost:3000`."""
    max_letters: Annotated[int, Field(ge=10, le=100_000)] = 2000
    """Newest dead letters of each topic that are looked at, at most."""

    @field_validator("management_urls", mode="before")
    @classmethod
    def _comma_separated(cls, value: object) -> object:
        return [one.strip() for one in value.split(",") if one.strip()] if isinstance(value, str) else value
