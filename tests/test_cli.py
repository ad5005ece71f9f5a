"""The command line as a process: help, exit codes, one line per problem, and what is not imported for `--help`."""

from __future__ import annotations

import os
import subprocess
import venv
from pathlib import Path

import pytest
from command_line import asset_bridge, python

ROOT = Path(__file__).parent.parent
ROOTS = [str(ROOT / name) for name in ("schemas", "http", "consumer")]
COMMANDS = ["dev", "serve", "consume", "check", "validate", "report", "schema"]


def test_help_names_every_command_and_where_settings_come_from() -> None:
    result = asset_bridge("--help")
    assert result.returncode == 0
    for word in (*COMMANDS, "DAGSTER_HOME", "ASSET_BRIDGE_KAFKA__BOOTSTRAP_SERVERS", "--config", "78"):
        assert word in result.stdout


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_and_version_load_nothing_slow(argument: str) -> None:
    code = f"""
import sys
from asset_consumer.cli import run
assert run([{argument!r}]) == 0
slow = {{"dagster", "rich", "structlog", "confluent_kafka", "pydantic", "pydantic_settings", "starlette", "yaml"}}
sys.exit(", ".join(slow & set(sys.modules)) or 0)
"""
    result = python("-c", code)
    assert (result.returncode, result.stderr) == (0, "")


def test_validate_loads_the_contract_and_no_dagster() -> None:
    code = """
import sys
from asset_consumer.cli import run
assert run(["validate", "-"]) == 0
sys.exit(", ".join({"dagster", "confluent_kafka", "starlette", "structlog"} & set(sys.modules)) or 0)
"""
    result = python("-c", code)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_of_its_own(command: str) -> None:
    result = asset_bridge(command, "--help")
    assert result.returncode == 0
    assert result.stdout.startswith(f"Usage: asset-bridge {command} ")


def test_version_is_the_distributions() -> None:
    assert asset_bridge("--version").stdout.startswith("asset-bridge, version 0.")


def test_no_command_shows_the_help_and_fails() -> None:
    result = asset_bridge()
    assert result.returncode == 78
    assert "First steps:" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["validat"], "No such command 'validat'. Did you mean 'validate'? Try 'asset-bridge --help'."),
        (["--hlp"], "No such option '--hlp'. Did you mean '--help'? Try 'asset-bridge --help'."),
        (
            ["validate", "/nowhere"],
            "Invalid value for '[FILES]...': File '/nowhere' does not exist. Try 'asset-bridge validate --help'.",
        ),
        (
            ["validate", "--format", "x\n"],
            r"Invalid value for '--format': 'x\n' is not one of 'text', 'json'. Try 'asset-bridge validate --help'.",
        ),
    ],
)
def test_unusable_arguments_are_one_line_and_exit_code_78(arguments: list[str], said: str) -> None:
    result = asset_bridge(*arguments)
    assert (result.returncode, result.stdout) == (78, "")
    assert result.stderr == f"asset-bridge: {said}\n"


@pytest.mark.parametrize("command", ["serve", "consume", "check"])
def test_refused_settings_are_one_line_each_and_exit_code_78(command: str, tmp_path: Path) -> None:
    (tmp_path / "bridge.yaml").write_text("kafka: {goup_id: x}\nhttp: {port: x}\n", "utf-8")
    result = asset_bridge(command, "--config", str(tmp_path / "bridge.yaml"), ASSET_BRIDGE_LOG_LEVEL="loud")
    assert (result.returncode, result.stdout) == (78, "")
    lines = result.stderr.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("asset-bridge: ") for line in lines)


def test_validate_exits_with_1_when_an_event_is_invalid() -> None:
    assert asset_bridge("validate", stdin="{}").returncode == 1
    assert asset_bridge("validate", stdin='{"event_type":"asset_observation","asset_key":"a"}').returncode == 0


FAILING = """
import sys, threading
import click
from asset_consumer import cli

@click.command()
def fail():
    raise RuntimeError("canary-4711")

@click.command()
def stop():
    raise KeyboardInterrupt

@click.command()
def die():
    def fail():
        raise RuntimeError("canary-4711")
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()

@click.command()
def die_logging():
    from asset_consumer.logs import configure_logging
    configure_logging("json", "INFO")
    die.callback()

cli.cli.get_command = lambda ctx, name: {"dev": fail, "serve": stop, "consume": die, "check": die_logging}[name]
sys.exit(cli.run(sys.argv[1:]))
"""


def test_unforeseen_exception_is_one_line_without_its_message() -> None:
    result = python("-c", FAILING, "dev")
    assert result.returncode == 1
    assert result.stderr.startswith("asset-bridge: unexpected RuntimeError at ")
    assert result.stderr.count("\n") == 1
    assert "canary-4711" not in result.stderr


def test_traceback_of_an_unforeseen_exception_is_shown_at_level_debug() -> None:
    result = python("-c", FAILING, "dev", ASSET_BRIDGE_LOG_LEVEL="debug")
    assert result.returncode == 1
    assert "Traceback (most recent call last):" in result.stderr


def test_interrupted_command_says_so_and_fails() -> None:
    result = python("-c", FAILING, "serve")
    assert (result.returncode, result.stderr.strip()) == (1, "asset-bridge: interrupted")


@pytest.mark.parametrize("command", ["consume", "check"])
def test_thread_that_dies_is_told_in_one_line_without_its_message(command: str) -> None:
    result = python("-c", FAILING, command)
    assert result.stderr.count("\n") == 1
    assert "RuntimeError" in result.stderr
    assert "canary-4711" not in result.stderr


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python without any package but ours."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False, symlinks=True)
    return folder / "bin" / "python"


def test_command_line_without_its_extra_says_what_to_install(bare: Path) -> None:
    environment = {"PYTHONPATH": os.pathsep.join(ROOTS)}
    result = subprocess.run(
        [bare, "-m", "asset_consumer", "--help"], capture_output=True, text=True, env=environment, check=False
    )
    assert result.returncode == 78
    assert result.stderr == "asset-bridge's command line needs an extra: pip install 'dagster-asset-bridge[all]'\n"


def test_command_without_its_extra_says_what_to_install(bare: Path) -> None:
    import click

    click_alone = str(Path(click.__file__).parent)
    (bare.parent / "packages").mkdir()
    (bare.parent / "packages" / "click").symlink_to(click_alone)
    environment = {"PYTHONPATH": os.pathsep.join([*ROOTS, str(bare.parent / "packages")])}
    result = subprocess.run(
        [bare, "-m", "asset_consumer", "consume"], capture_output=True, text=True, env=environment, check=False
    )
    needed = "asset-bridge consume needs an extra: pip install 'dagster-asset-bridge[kafka]'."
    assert (result.returncode, result.stderr) == (78, f"asset-bridge: {needed} Try 'asset-bridge --help'.\n")
