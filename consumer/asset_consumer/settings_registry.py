"""The settings of the schema registry."""

from __future__ import annotations

from pathlib import Path
from typing import Self
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError

from asset_consumer.addresses import is_loopback
from asset_consumer.settings_fields import Name, Seconds, Section


class SchemaRegistrySettings(Section):
    """Where the schemas of framed values are (Confluent's wire format). Needs the extra `registry`."""

    url: Name | None = None
    """Addresses of one registry, `https://host:port`, comma separated. Unset, a framed value is refused."""
    username: Name | None = None
    """Who asks, where the registry wants a name and a password."""
    password: SecretStr | None = None
    """The password of `username`; better in a file."""
    password_file: Path | None = None
    """File of the password of `username`."""
    token_file: Path | None = None
    """File of a bearer token, in place of name and password. It is read again for each question, so it may rotate."""
    ca_file: Path | None = None
    """Certificates of the authorities that vouch for the registry; unset, the common ones (`certifi`)."""
    cert_file: Path | None = None
    """Our own certificate, where the registry wants one."""
    key_file: Path | None = None
    """The private key of `cert_file`, without a passphrase; unset, it stands in the same file."""
    timeout_s: Seconds = 5
    """Seconds to wait for the registry, which may hold up the other Kafka partitions of the process meanwhile."""

    @field_validator("url")
    @classmethod
    def _addresses_alone(cls, url: str | None) -> str | None:
        for address in (url or "http://h").split(","):
            parts = urlsplit(address.strip())
            if parts.scheme not in {"http", "https"} or not parts.hostname or not _port_is_number(parts):
                raise PydanticCustomError("url", "must be http://host:port or https://host:port")
            if "@" in parts.netloc:
                raise PydanticCustomError("url", "must hold no user and password, which have settings of their own")
        return url

    def sends_secret_readable(self) -> bool:
        """Whether a password or token leaves this machine without TLS."""
        addresses = [urlsplit(address.strip()) for address in (self.url or "").split(",")]
        bare = any(one.scheme == "http" and not is_loopback(one.hostname or "") for one in addresses)
        return bare and (self.username is not None or self.token_file is not None)

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.password is not None and self.password_file is not None:
            raise PydanticCustomError("credentials", "must have password or password_file, not both")
        has_password = self.password is not None or self.password_file is not None
        if (self.username is not None) != has_password:
            raise PydanticCustomError("credentials", "must have username and a password together, or neither")
        if self.token_file is not None and has_password:
            raise PydanticCustomError("credentials", "must have a token_file or a password, not both")
        if self.key_file is not None and self.cert_file is None:
            raise PydanticCustomError("key", "must have cert_file where it has key_file")
        return self


def _port_is_number(parts: SplitResult) -> bool:
    try:
        return parts.port is None or parts.port > 0
    except ValueError:
        return False
