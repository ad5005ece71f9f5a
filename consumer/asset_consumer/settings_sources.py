"""Where settings come from: the environment, over a YAML file, over the defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic_settings import EnvSettingsSource, InitSettingsSource

from asset_consumer.librdkafka import FromFile, property_name
from asset_consumer.settings import Settings
from asset_consumer.settings_names import (
    API_KEY_VARIABLE,
    PREFIX,
    SettingPath,
    did_you_mean,
    setting_paths,
    variable_name,
)
from asset_consumer.settings_problems import SettingsError, Written
from asset_consumer.settings_yaml import read_yaml

__all__ = ["SettingsError", "load_settings"]

_PROPERTIES: tuple[SettingPath, ...] = (("kafka", "librdkafka"), ("kafka", "librdkafka_files"))

# Kubernetes sets such variables in every container for every Service of the namespace; ours is named `asset-bridge`.
_SERVICE_LINK = re.compile(r"(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)")
_SERVICE_URL = re.compile(r"(tcp|udp|sctp)://")


def load_settings(config: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read the settings: what the environment says wins over the YAML file, which wins over the defaults.

    An empty variable, or a name without a value in the file, counts as not set.

    Raises:
        SettingsError: A name is unknown, a value is refused, or a file cannot be read.
    """
    variables, problems = _variables(environ)
    in_file: dict[str, Any] = {}
    try:
        in_file = read_yaml(config) if config else {}
    except ValueError as error:
        problems.append(str(error))
    written = Written(variables, in_file, config)
    try:
        settings = _validated(variables, environ, in_file)
    except ValidationError as error:
        raise SettingsError(problems + written.sentences(error)) from None
    contents = _contents(settings.kafka.librdkafka_files, written, problems)
    if problems:
        raise SettingsError(problems)
    kafka = settings.kafka.model_copy(update={"librdkafka": {**settings.kafka.librdkafka, **contents}})
    return settings.model_copy(update={"kafka": kafka})


def _variables(environ: Mapping[str, str]) -> tuple[dict[SettingPath, str], list[str]]:
    """Which variable holds which setting, and a sentence for each of ours that names none."""
    known = {variable_name(path): path for path in setting_paths() if path not in _PROPERTIES}
    found: dict[SettingPath, str] = {}
    problems: list[str] = []
    for name in sorted(environ):
        if not name.startswith(PREFIX) or environ[name] == "" or _is_no_setting(name, environ[name]):
            continue
        path = known.get(name) or _property_path(name)
        if path is None:
            near = [*known, *map(variable_name, _PROPERTIES)]
            problems.append(f"{name} is no setting{did_you_mean(name, near, PREFIX)}")
        else:
            found[path] = name
    return found, problems


def _property_path(name: str) -> SettingPath | None:
    for above in _PROPERTIES:
        rest = name.removeprefix(variable_name(above) + "__")
        if rest not in ("", name):
            return (*above, property_name(rest))
    return None


def _is_no_setting(name: str, value: str) -> bool:
    if name == API_KEY_VARIABLE:
        return True
    rest = name.removeprefix(PREFIX)
    return bool(_SERVICE_LINK.fullmatch(rest)) or (rest.endswith("PORT") and bool(_SERVICE_URL.match(value)))


def _validated(variables: Mapping[SettingPath, str], environ: Mapping[str, str], in_file: dict[str, Any]) -> Settings:
    environment = EnvSettingsSource(Settings)
    environment.env_vars = {(PREFIX + "__".join(path)).lower(): environ[name] for path, name in variables.items()}
    sources = (environment, InitSettingsSource(Settings, in_file))
    return Settings(_build_sources=(sources, {}))  # pyright: ignore[reportCallIssue] - documented; its underscore hides it


def _contents(files: Mapping[str, Path], written: Written, problems: list[str]) -> dict[str, SecretStr]:
    """The secrets that stand in files, without the line end an editor leaves."""
    contents: dict[str, SecretStr] = {}
    for name, path in files.items():
        setting = written.name_of(("kafka", "librdkafka_files", name))
        try:
            content = FromFile(path)
        except OSError as error:
            problems.append(f"{setting}: the file cannot be read: {error.strerror}.")
        except UnicodeDecodeError:
            problems.append(f"{setting}: the file is not text in UTF-8.")
        else:
            contents[name] = SecretStr(content)
            if not content:
                problems.append(f"{setting}: the file is empty.")
    return contents
