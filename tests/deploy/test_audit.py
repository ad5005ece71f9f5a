"""`make audit` with a service that speaks OSV: what it finds fails, as our own mistakes do; an outage does not."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from lock_file import OURS, PROJECT, read_lock
from ports import free_port
from vulnerabilities import PINNED

pytestmark = pytest.mark.deploy

VULNERABLE = "jinja2"
UV = shutil.which("uv") or str(PROJECT / ".tools" / "bin" / "uv")


@pytest.fixture(scope="module", autouse=True)
def _fetched() -> None:
    """The first call fetches the pinned uv: that may take longer than an audit waits for its answer."""
    subprocess.run([UV, "tool", "run", "--quiet", PINNED, "--version"], check=True, capture_output=True, timeout=100)


@contextmanager
def service(status: int = 200, *, vulnerable: bool = False, garbage: bool = False) -> Iterator[tuple[str, list[str]]]:
    """An OSV that knows of one vulnerability or of none; its address, and the packages that it was asked about."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            names = [one["package"]["name"] for one in json.loads(self.body())["queries"]]
            asked.extend(names)
            known = [{"id": "GHSA-test", "modified": "2026-01-01T00:00:00Z"}]
            self.answer({"results": [{"vulns": known} if vulnerable and name == VULNERABLE else {} for name in names]})

        def do_GET(self) -> None:
            self.answer({"id": "GHSA-test", "modified": "2026-01-01T00:00:00Z", "summary": "bad", "aliases": ["CVE-1"]})

        def body(self) -> bytes:
            return self.rfile.read(int(self.headers["Content-Length"]))

        def answer(self, said: object) -> None:
            content = b"<html>" if garbage else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()


def audit(address: str) -> tuple[int, str]:
    script = [sys.executable, str(PROJECT / "tests" / "vulnerabilities.py"), UV, address]
    said = subprocess.run(script, capture_output=True, text=True, timeout=60, check=False)
    assert said.stderr == ""
    return said.returncode, said.stdout


def test_known_vulnerability_of_a_locked_package_fails() -> None:
    with service(vulnerable=True) as (address, asked):
        code, said = audit(address)
    assert code == 1
    assert f"{VULNERABLE} {read_lock()[VULNERABLE]['version']}: GHSA-test CVE-1: bad (mended in no version yet)" in said
    assert set(asked) == read_lock().keys() - {OURS}


def test_none_known_passes_and_says_of_how_many() -> None:
    with service() as (address, asked):
        assert audit(address) == (0, f"vulnerabilities: 0 known in {len(asked)} packages\n")


@pytest.mark.parametrize("status", [None, 503, 403])
def test_service_that_cannot_be_had_is_said_in_one_line(status: int | None) -> None:
    if status is None:
        code, said = audit(f"http://127.0.0.1:{free_port()}")
    else:
        with service(status) as (address, _):
            code, said = audit(address)
    assert (code, said.count("\n")) == (0, 1)
    assert "NOT looked for" in said


@pytest.mark.parametrize(("status", "garbage"), [(404, False), (200, True)])
def test_answer_that_is_none_is_not_taken_for_a_good_one(status: int, garbage: bool) -> None:  # noqa: FBT001 - named
    with service(status, garbage=garbage) as (address, _):
        code, said = audit(address)
    assert code == 1
    assert "known in" not in said
