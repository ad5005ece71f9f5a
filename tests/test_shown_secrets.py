"""A secret that shows up anywhere during a run of the tests fails the test that it shows up in."""

from __future__ import annotations

from pathlib import Path

import pytest
from kept_secrets import look_at, take_shown
from known_keys import key_of

pytest_plugins = ["pytester"]

HEAD = """
import logging, sys
import command_line, kept_secrets
SECRET = kept_secrets.keep_secret("JGnTQ-0RujcbbPVJv", "the API key shown")
KEY = f"ab_shown_{SECRET}"
"""

SHOWN = {
    "a message": "logging.getLogger('a').warning('it is %s', KEY)",
    "an extra field": "logging.getLogger('a').error('it is', extra={'key': [KEY]})",
    "a traceback": "try:\n        raise ValueError(KEY)\n    except ValueError:\n        logging.exception('x')",
    "a logger that tells nobody": "log = logging.getLogger('b'); log.propagate = False; log.warning(SECRET)",
    "standard output": "print(f'key={KEY}')",
    "standard error": "sys.stderr.write(SECRET)",
    "the output of a command": "command_line.python('-c', f'print({KEY!r})')",
}


def test_the_keys_of_tests_are_looked_for() -> None:
    look_at("a test", f"key={key_of('looked-for')}")
    assert take_shown() == ["The secret of the API key looked-for stands in a test."]


@pytest.fixture
def tests_of(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.syspath_prepend(Path(__file__).parent)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    return pytester


def test_a_secret_fails_the_test_that_shows_it_wherever(tests_of: pytest.Pytester) -> None:
    tests = [f"def test_{number}():\n    {body}\n" for number, body in enumerate(SHOWN.values())]
    tests_of.makepyfile(HEAD + "\n".join(tests) + "\ndef test_that_shows_none():\n    print('shown')\n")

    run = tests_of.runpytest_subprocess("-p", "shown_secrets", "-p", "no:cacheprovider", "-p", "no:schemathesis")

    run.assert_outcomes(failed=len(SHOWN), passed=1)
    run.stdout.fnmatch_lines(["The secret of the API key shown stands in a log record of a."])
    run.stdout.fnmatch_lines(["The secret of the API key shown stands in what a command has written."])


@pytest.mark.heavy
def test_a_secret_after_the_last_test_fails_the_run(tests_of: pytest.Pytester) -> None:
    tests_of.makepyfile(HEAD + "def test_before(): pass\n")
    tests_of.makeconftest(
        "import kept_secrets\n"
        "def pytest_sessionfinish(session):\n"
        "    kept_secrets.look_at('the end', kept_secrets.keep_secret('s3cret', 'a test'))\n"
    )

    run = tests_of.runpytest_subprocess("-p", "shown_secrets", "-p", "no:cacheprovider", "-p", "no:schemathesis")

    assert run.ret == pytest.ExitCode.TESTS_FAILED
    run.stdout.fnmatch_lines(["*The secret of a test stands in the end."])
