from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from missing import REQUIRE, missing

pytestmark = pytest.mark.heavy

SKIPPING = """
import pytest
from missing import missing

@pytest.fixture
def stoppable():
    pytest.skip("not ours to stop")

def test_by_itself():
    pytest.skip("for a reason of its own")

def test_in_a_fixture(stoppable):
    pass

def test_for_want_of_a_service():
    missing("tea", "there is no tea")

@pytest.mark.skipif(True, reason="this Dagster has it not")
def test_by_a_marker():
    pass

@pytest.mark.skipif(False, reason="this Dagster has it not")
def test_by_itself_past_a_marker():
    pytest.skip("for a reason of its own")

@pytest.mark.xfail(raises=ValueError, strict=True)
def test_expected_to_fail():
    raise ValueError
"""

BARE = {"by_itself", "in_a_fixture", "by_itself_past_a_marker"}


def run(folder: Path, text: str, required: str) -> subprocess.CompletedProcess[str]:
    """Run a file of tests in a pytest of its own."""
    folder.joinpath("test_skipping.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-p", "missing", "-p", "no:cacheprovider", "-v", "test_skipping.py"]
    environment = {**os.environ, REQUIRE: required, "PYTHONPATH": str(Path(__file__).parent)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("required", ["", "postgres", "kafka2"])
def test_a_service_that_nobody_requires_skips(monkeypatch: pytest.MonkeyPatch, required: str) -> None:
    monkeypatch.setenv(REQUIRE, required)
    with pytest.raises(pytest.skip.Exception, match="there is none"):
        missing("kafka", "there is none")


@pytest.mark.parametrize("required", ["kafka", "postgres,kafka", "kafka,postgres"])
def test_a_service_that_is_required_fails(monkeypatch: pytest.MonkeyPatch, required: str) -> None:
    monkeypatch.setenv(REQUIRE, required)
    with pytest.raises(pytest.fail.Exception, match="there is none"):
        missing("kafka", "there is none")


@pytest.mark.parametrize(
    ("required", "failed", "skipped"),
    [
        ("", set[str](), BARE | {"for_want_of_a_service", "by_a_marker"}),
        ("kafka", BARE, {"for_want_of_a_service", "by_a_marker"}),
        ("kafka,tea", BARE | {"for_want_of_a_service"}, {"by_a_marker"}),
    ],
)
def test_where_a_service_is_required_a_skip_for_any_other_reason_fails(
    tmp_path: Path, required: str, failed: set[str], skipped: set[str]
) -> None:
    ran = run(tmp_path, SKIPPING, required)

    outcomes = re.findall(r"^test_skipping\.py::test_(\w+) (FAILED|ERROR|SKIPPED)", ran.stdout, re.MULTILINE)
    assert {name for name, outcome in outcomes if outcome != "SKIPPED"} == failed
    assert {name for name, outcome in outcomes if outcome == "SKIPPED"} == skipped
    assert ran.returncode == (1 if failed else 0)


@pytest.mark.parametrize(
    ("required", "code"), [("", pytest.ExitCode.NO_TESTS_COLLECTED), ("kafka", pytest.ExitCode.INTERRUPTED)]
)
def test_where_a_service_is_required_a_file_that_skips_itself_fails(tmp_path: Path, required: str, code: int) -> None:
    assert run(tmp_path, "import pytest; pytest.importorskip('there_is_no_such_module')", required).returncode == code
