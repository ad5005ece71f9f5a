"""The first lines of self_test.py name all of Dagster's storage that the project leans on, and nothing else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from asset_reporting import self_test

ROOT = Path(__file__).parent.parent
_STORAGES = {"storage", "target", "_storage", "event_log_storage"}
"""What a storage is called in the code, `target` where it is changed."""
_MODULES = ("dagster._core.storage", "dagster_shared.serdes")


def test_every_internal_is_named_in_the_one_place() -> None:
    named = set(re.findall(r"`(\w+)`", self_test.__doc__ or ""))

    assert named == {name for path in sources() for name in internals(ast.parse(path.read_text("utf-8")))}


def test_nothing_private_is_reached_by_another_name() -> None:
    private = {
        ast.unparse(node)
        for path in sources()
        for node in at_run_time(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and re.match("_[a-z]", node.attr) and name_of(node.value) not in _STORAGES
    }

    assert {one for one in private if not one.startswith(("self.", "cls."))} == {"os._exit"}


def sources() -> Iterator[Path]:
    for root in ("schemas", "http", "consumer"):
        yield from (ROOT / root).rglob("*.py")


def internals(module: ast.Module) -> Iterator[str]:
    """What is used of a storage, and what is imported from where Dagster keeps its storages and their serialisation."""
    for node in at_run_time(module):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_MODULES):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Attribute) and is_storage(node.value):
            yield node.attr


def is_storage(node: ast.expr) -> bool:
    """Not `settings.storage`, which holds our own settings."""
    return name_of(node) in _STORAGES and not (isinstance(node, ast.Attribute) and node.attr == "storage")


def name_of(node: ast.expr) -> str | None:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None


def at_run_time(node: ast.AST) -> Iterator[ast.AST]:
    """Every node, without what only a type checker sees."""
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield child
            yield from at_run_time(child)
