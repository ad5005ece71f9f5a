"""The layout's traps, each in a fresh process: shadowed modules, heavy imports, packages where none may be."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = ["schemas", "http", "consumer"]
MODULES = sorted(path for root in SOURCES for path in (ROOT / root).rglob("*.py"))


def loaded_by(statement: str, unwanted: set[str]) -> str:
    """Which unwanted modules a fresh interpreter has loaded after the statement."""
    code = f"{statement}\nimport sys\nprint(*sorted({unwanted!r} & set(sys.modules)))"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("folder", SOURCES)
def test_source_roots_are_not_packages(folder: str) -> None:
    assert not (ROOT / folder / "__init__.py").exists()
    packages = {
        "schemas": ["asset_client", "asset_events"],
        "http": ["asset_reporting"],
        "consumer": ["asset_consumer"],
    }
    assert sorted(path.name for path in (ROOT / folder).iterdir() if path.is_dir()) == packages[folder]


def test_root_http_folder_does_not_shadow_the_standard_library() -> None:
    # `-c` puts the repository root first on sys.path; this process imported the real `http` long ago.
    subprocess.run([sys.executable, "-c", "import http.client, http.server"], cwd=ROOT, check=True)


def test_the_contract_loads_pydantic_only() -> None:
    heavy = {"dagster", "starlette", "confluent_kafka", "structlog", "click", "yaml", "asset_reporting"}
    assert loaded_by("import asset_events", heavy).split() == []


@pytest.mark.parametrize(
    ("module", "besides"),
    [("asset_client", set()), ("asset_client.http", {"httpx2"}), ("asset_client.kafka", {"confluent_kafka"})],
)
def test_the_client_loads_nothing_but_its_own_transport(module: str, besides: set[str]) -> None:
    heavy = {"dagster", "starlette", "confluent_kafka", "httpx2", "structlog", "click", "yaml", "asset_reporting"}
    assert set(loaded_by(f"import {module}", heavy).split()) == besides


def test_the_consumers_core_loads_no_http_stack() -> None:
    # import-linter cannot see this: it does not count the implicit import of a parent package.
    assert loaded_by("import asset_consumer.loop", {"starlette", "uvicorn"}).split() == []


@pytest.mark.parametrize("package", ["asset_reporting", "asset_consumer"])
def test_packages_above_the_contract_import_nothing_by_themselves(package: str) -> None:
    heavy = {"dagster", "starlette", "confluent_kafka", "pydantic", "asset_events"}
    assert loaded_by(f"import {package}", heavy).split() == []


def test_a_heavy_import_would_be_seen() -> None:
    assert loaded_by("import yaml, http.client", {"yaml", "click"}).split() == ["yaml"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_is_for(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    assert docstring is not None
    assert len(docstring.split()) >= 4


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_outgrows_what_a_reader_holds(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 250


def test_test_files_have_names_of_their_own_and_no_packages() -> None:
    names = [path.name for path in (ROOT / "tests").rglob("*.py")]
    assert len(names) == len(set(names))
    assert "__init__.py" not in names
