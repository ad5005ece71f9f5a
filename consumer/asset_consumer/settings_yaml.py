"""Read a settings file: YAML whose every mistake becomes one sentence without a value in it."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any, TypeGuard

import yaml


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses a name written twice: plain YAML takes the last one and drops the first in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        names = [str(key.value) for key, _ in node.value]
        for name in names:
            if names.count(name) > 1:
                raise yaml.constructor.ConstructorError(
                    problem=f"{name} is written twice", problem_mark=node.start_mark
                )
        return super().construct_mapping(node, deep=deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """The file's settings as nested dictionaries; names without a value count as not written.

    Raises:
        ValueError: One sentence that says what is wrong with the file and, where known, the line.
    """
    try:
        content: object = yaml.load(path.read_bytes(), Loader=_Loader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from None
    except yaml.MarkedYAMLError as error:
        # The error's own text quotes the line, which may hold a secret: its place must do.
        mark = error.problem_mark or error.context_mark
        twice = f": {error.problem}" if str(error.problem).endswith("twice") else ""
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise ValueError(f"{path} is not readable as YAML{where}{twice}.") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        raise ValueError(f"{path} is not readable as YAML.") from None
    if content is None:
        return {}
    if not _is_section(content):
        raise ValueError(f"{path} must hold settings by name, such as `kafka:` with `group_id:` below it.")
    return _written(content)


def _is_section(content: object) -> TypeGuard[dict[object, object]]:
    return isinstance(content, dict)


def _written(section: dict[object, object]) -> dict[str, Any]:
    """Leave out names without a value, as an empty environment variable counts as not set."""
    return {
        str(name): _written(value) if _is_section(value) else value
        for name, value in section.items()
        if value is not None
    }
