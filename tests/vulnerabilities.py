"""Is a vulnerability known of any package in uv.lock? Asks OSV, the open database, with one request of uv's.

python tests/vulnerabilities.py UV [SERVICE]     as `make audit` does

Exit code 1 on one that .ci/accepted-vulnerabilities.toml does not list with a reason. Where the service cannot be had
(no way to it, out of order, closed to this network) one line says that nothing was looked for, and the code is 0.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from typing import Any

from lock_file import OURS, PROJECT, read_lock

ACCEPTED = PROJECT / ".ci" / "accepted-vulnerabilities.toml"

PINNED = "uv@0.13.9"
"""The command is experimental: another version may say it otherwise."""

_DEADLINE_S = 25

_NOT_TO_BE_HAD = re.compile(r"error sending request|HTTP status server error|client error \((403|407|429) ")
"""What uv says of a network or a service; all else that it complains of is our own mistake, and fails."""


def accepted() -> dict[tuple[str, str], str]:
    """The reason for each package and identifier that need not be mended now."""
    listed = tomllib.loads(ACCEPTED.read_text("utf-8")).get("accepted", [])
    return {(one["package"], one["id"]): one["reason"] for one in listed}


def main(uv: str, *service: str) -> int:
    command = [uv, "tool", "run", "--quiet", PINNED, "audit", "--frozen", "--output-format", "json"]
    command += ["--preview-features", "audit-command,json-output"]
    if service:
        command += ["--service-url", *service]
    environment = {**os.environ, "UV_HTTP_RETRIES": "1", "UV_HTTP_TIMEOUT": "8"}
    try:
        said = subprocess.run(
            command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=_DEADLINE_S, check=False
        )
    except subprocess.TimeoutExpired:
        return _tell(f"NOT looked for: no answer within {_DEADLINE_S} s")
    if said.returncode not in {0, 1}:
        if _NOT_TO_BE_HAD.search(said.stderr):
            return _tell("NOT looked for: the service that knows of them (OSV) cannot be had from here")
        return _tell(said.stderr.strip(), code=1)
    return judge(json.loads(said.stdout))


def judge(answer: dict[str, Any]) -> int:
    """Print what was found; 0 when all of it is accepted."""
    asked, locked = answer["summary"]["audited_packages"], len(read_lock().keys() - {OURS})
    if asked != locked:
        return _tell(f"{asked} packages were asked about, and {locked} are locked", code=1)
    reasons, code = accepted(), 0
    for found in answer["vulnerabilities"]:
        package, names = found["dependency"]["name"], [found["id"], *found["aliases"]]
        reason = next((reasons[package, name] for name in names if (package, name) in reasons), None)
        mended = ", ".join(found["fix_versions"]) or "no version yet"
        verdict = f"accepted: {reason}" if reason else f"mended in {mended}"
        _tell(f"{package} {found['dependency']['version']}: {' '.join(names)}: {found['summary']} ({verdict})")
        code = code or (0 if reason else 1)
    return _tell(f"{len(answer['vulnerabilities'])} known in {asked} packages", code=code)


def _tell(text: str, *, code: int = 0) -> int:
    print(f"vulnerabilities: {text}", flush=True)  # noqa: T201 - a script
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
