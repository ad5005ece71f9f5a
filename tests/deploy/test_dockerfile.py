"""The Dockerfile passes hadolint, and says of the image what the project says of itself."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from charts import CHART
from dockerfile import assignments, read_stages, variables
from dockerless import PROJECT, USER, copy_context
from missing import missing
from packaging.requirements import Requirement

pytestmark = pytest.mark.deploy

DOCKERFILE = PROJECT / "Dockerfile"


def hadolint(text: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if program is None:
        missing("deploy", "there is no hadolint: `make deploy` installs it")
    return subprocess.run([program, "-"], input=text, capture_output=True, text=True, check=False)


def test_hadolint_finds_nothing() -> None:
    answer = hadolint(DOCKERFILE.read_text("utf-8"))
    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("RUN cd /opt && ls", "DL3003"),
        ("RUN apt-get install curl", "DL3008"),
        ("CMD asset-bridge serve", "DL3025"),
        ("FROM python AS unpinned", "DL3006"),
        ("RUNN true", "missing whitespace"),
    ],
)
def test_hadolint_refuses_a_bad_line(line: str, rule: str) -> None:
    answer = hadolint(f"{DOCKERFILE.read_text('utf-8')}\n{line}\n")
    assert answer.returncode == 1
    assert rule in answer.stdout + answer.stderr


def test_the_bridge_is_what_is_built_where_no_target_is_named() -> None:
    assert list(read_stages(DOCKERFILE))[-1] == "bridge"


def test_the_labels_are_the_projects() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    bridge = read_stages(DOCKERFILE)["bridge"]
    given = {name: value for text in bridge.all("ARG") for name, value in assignments(text, {}).items()}
    assert given == {"VERSION": project["version"], "REVISION": "unknown"}
    (labels,) = [assignments(text, given | {"REVISION": "abc"}) for text in bridge.all("LABEL")]
    assert labels.pop("org.opencontainers.image.description")
    assert labels == {
        "org.opencontainers.image.title": "asset-bridge",
        "org.opencontainers.image.licenses": project["license"],
        "org.opencontainers.image.version": project["version"],
        "org.opencontainers.image.revision": "abc",
    }


def test_the_environment_is_what_the_chart_and_the_logs_count_on() -> None:
    told = variables(read_stages(DOCKERFILE)["base"])
    assert told["DAGSTER_HOME"] == yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))["dagster"]["home"]
    assert told["PYTHONUNBUFFERED"] == "1", "a line would wait for others before it is seen"
    assert told["PYTHONDONTWRITEBYTECODE"] == "1"


def test_uv_installs_for_the_pythons_own_image() -> None:
    stages = read_stages(DOCKERFILE)
    assert stages["build"].base == stages["base"].base
    assert stages["base"].base.endswith("-slim-bookworm"), "wheels are for this C library"
    told = variables(stages["build"])
    assert (told["UV_PYTHON_DOWNLOADS"], told["UV_PYTHON_PREFERENCE"]) == ("never", "only-system")
    (allowed,) = re.findall(r"'(uv[^']+)'", (PROJECT / "Makefile").read_text("utf-8"))
    assert stages["uv"].base.partition(":")[2] in Requirement(allowed).specifier


def test_both_images_run_as_a_number_and_end_at_a_signal() -> None:
    stages = read_stages(DOCKERFILE)
    assert stages["base"].all("USER") == [f"{USER}:{USER}"]
    assert stages["base"].all("STOPSIGNAL") == ["SIGTERM"]
    for name in ("bridge", "dagster"):
        assert stages[name].base == "base"
        assert {"USER", "STOPSIGNAL", "HEALTHCHECK", "RUN"} & {word for word, _ in stages[name].instructions} == set()
    assert stages["bridge"].all("ENTRYPOINT") == ['["asset-bridge"]']
    assert stages["bridge"].all("CMD") == ['["--help"]']


def test_every_install_is_that_of_the_lock() -> None:
    commands = [text for stage in read_stages(DOCKERFILE).values() for text in stage.all("RUN") if "uv " in text]
    assert len(commands) == 3
    assert all("uv sync --locked --no-dev --no-editable" in command for command in commands)


def test_only_what_the_wheel_needs_is_handed_to_docker(tmp_path: Path) -> None:
    copy_context(tmp_path / "context")
    assert {path.name for path in (tmp_path / "context").iterdir()} == {
        "LICENSE",
        "README.md",
        "consumer",
        "http",
        "pyproject.toml",
        "schemas",
        "uv.lock",
    }
    assert not list((tmp_path / "context").rglob("__pycache__"))


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_everything_in_the_lock_is_there_without_a_compiler(tmp_path: Path, machine: str) -> None:
    """The base image has none; its Python and its C library may be others than this machine's."""
    extras = [word for extra in ("kafka", "postgres", "ui") for word in ("--extra", extra)]
    uv = shutil.which("uv") or str(PROJECT / ".tools" / "bin" / "uv")
    export = [uv, "export", "--quiet", "--locked", "--no-dev", "--no-emit-project", "--no-hashes", *extras]
    wanted = tmp_path / "wanted.txt"
    subprocess.run([*export, "--output-file", wanted], cwd=PROJECT, check=True, capture_output=True)
    target = ["--python-version", python_of_the_image(), "--python-platform", f"{machine}-manylinux_2_36"]
    install = [uv, "pip", "install", "--dry-run", "--no-deps", "--only-binary", ":all:", *target]
    answer = subprocess.run(
        [*install, "--target", tmp_path / "none", "--requirements", wanted],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr


def python_of_the_image() -> str:
    """`3.13`, out of the tag of the base image."""
    tag = read_stages(DOCKERFILE)["build"].base.partition(":")[2]
    return tag.partition("-")[0]
