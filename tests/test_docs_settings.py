"""docs/settings.md says what the model says: every setting, its default and its meaning; no row is stale."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from asset_consumer.librdkafka import OURS
from asset_consumer.settings import Settings, TopicSettings
from asset_consumer.settings_names import SettingPath, setting_paths, variable_name

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"
ROW = re.compile(r"^\| `(ASSET_BRIDGE_\w+)` \| (.*?) \| (.*) \|$", re.MULTILINE)


def documented() -> list[tuple[str, str, str]]:
    return ROW.findall(PAGE.read_text("utf-8"))


def in_the_model() -> list[tuple[str, str, str]]:
    return [row(path) for path in setting_paths()]


def row(path: SettingPath) -> tuple[str, str, str]:
    section: BaseModel = Settings()
    for part in path[:-1]:
        section = getattr(section, part)
    field = type(section).model_fields[path[-1]]
    pattern = variable_name(path) + ("__" if path[-1].startswith("librdkafka") else "")
    return pattern, shown(getattr(section, path[-1])), " ".join((field.description or "").split())


def shown(default: Any) -> str:
    if default in (None, {}, ()):
        return "–"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, float):
        return f"`{default:g}`"
    if isinstance(default, tuple):
        return f"`{','.join(one.name if isinstance(one, TopicSettings) else str(one) for one in default)}`"
    return f"`{default}`"


def test_every_setting_is_documented_with_its_default_and_meaning() -> None:
    missing = [row for row in in_the_model() if row not in documented()]
    assert not missing, "\n".join(["add to docs/settings.md:", *(f"| `{n}` | {d} | {m} |" for n, d, m in missing)])


def test_no_documented_setting_is_stale_or_doubled() -> None:
    assert sorted(documented()) == sorted(in_the_model())


def test_every_setting_says_what_it_means() -> None:
    assert [name for name, _default, meaning in in_the_model() if not meaning.endswith((".", "`"))] == []


def test_every_refused_librdkafka_property_is_documented_with_its_reason() -> None:
    rows = re.findall(r"^\| (`[a-z._, `]+`) \| (.*) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert {name: why for names, why in rows for name in re.findall(r"`([^`]+)`", names)} == dict(OURS)


def test_pages_yaml_example_is_taken(tmp_path: Path) -> None:
    from asset_consumer.settings_sources import load_settings

    example = re.search(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert example is not None
    file = tmp_path / "bridge.yaml"
    file.write_text(example.group(1), "utf-8")
    (tmp_path / "password").write_text("secret\n", "utf-8")
    settings = load_settings(file, {"ASSET_BRIDGE_KAFKA__LIBRDKAFKA_FILES__SASL_PASSWORD": str(tmp_path / "password")})
    assert settings.kafka.librdkafka_plain()["sasl.password"] == "secret"
