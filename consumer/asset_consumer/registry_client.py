"""The schema registry's client, from the settings."""

from __future__ import annotations

from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asset_consumer.settings_error import SettingsError
from asset_consumer.settings_names import file_name, variable_name

if TYPE_CHECKING:
    from collections.abc import Generator

    from asset_consumer.schema_registry import SchemaRegistry
    from asset_consumer.settings import Settings
    from asset_consumer.settings_registry import SchemaRegistrySettings

DEADLINE_TIMEOUTS = 2
"""How many timeouts one question may take in all: to connect, and to answer."""

_SECTION = ("kafka", "schema_registry")


@contextmanager
def open_schema_registry(settings: Settings) -> Generator[SchemaRegistry | None]:
    """Open what reads framed values; None where no registry is named. Nothing is asked yet.

    Raises:
        SettingsError: A file cannot be used, or the extra `registry` is not installed.
    """
    registry = settings.kafka.schema_registry
    if registry.url is None:
        yield None
        return
    try:
        from asset_consumer.schema_registry import SchemaRegistry, SchemaRegistryClient  # noqa: PLC0415 # an extra
    except ModuleNotFoundError:
        raise _problem("url", "needs an extra: pip install 'dagster-asset-bridge[registry]'") from None
    config = _config(registry)
    try:
        client = SchemaRegistryClient(config)
    except OSError as error:  # of a file: nothing is asked yet
        raise _problem("", f"ca_file, cert_file or key_file cannot be used: {error.strerror}") from None
    with closing(SchemaRegistry(client, DEADLINE_TIMEOUTS * registry.timeout_s)) as frames:
        yield frames


def _config(registry: SchemaRegistrySettings) -> dict[str, Any]:
    config: dict[str, Any] = {"url": registry.url, "timeout": registry.timeout_s, "max.retries": 0}
    files = {"ca": registry.ca_file, "certificate": registry.cert_file, "key": registry.key_file}
    config |= {f"ssl.{what}.location": str(file) for what, file in files.items() if file is not None}
    if registry.cert_file is not None:
        config["ssl.key.password"] = ""  # without one, OpenSSL would ask for it on the terminal
    if registry.username is not None:
        config["basic.auth.user.info"] = f"{registry.username}:{_password(registry)}"
    if (token_file := registry.token_file) is not None:
        _read("token_file", token_file)
        config |= {
            "bearer.auth.credentials.source": "CUSTOM",
            "bearer.auth.custom.provider.function": partial(_bearer, token_file),
            "bearer.auth.custom.provider.config": {},
        }
    return config


def _password(registry: SchemaRegistrySettings) -> str:
    if registry.password_file is not None:
        return _read("password_file", registry.password_file)
    return registry.password.get_secret_value() if registry.password else ""


def _bearer(file: Path, _: object) -> dict[str, str]:
    # The second name is Confluent Cloud's, which the client asks for; to others it says nothing.
    return {"bearer.auth.token": file.read_text("utf-8").strip(), "bearer.auth.logical.cluster": ""}


def _read(name: str, file: Path) -> str:
    try:
        content = file.read_text("utf-8").strip()
    except OSError as error:
        raise _problem(name, f"the file cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _problem(name, "the file is not text in UTF-8") from None
    if not content:
        raise _problem(name, "the file is empty")
    return content


def _problem(name: str, what: str) -> SettingsError:
    path = (*_SECTION, name) if name else _SECTION
    return SettingsError([f"{variable_name(path)} ({file_name(path)}): {what}."])
