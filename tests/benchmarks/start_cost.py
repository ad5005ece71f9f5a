"""What a start costs: processor time of `asset-bridge serve`, from nothing to its end after a SIGTERM when it is ready.

    .venv/bin/python tests/benchmarks/start_cost.py --before FOLDER [--rounds 5]

FOLDER is a working tree of an older commit. Processor time, as it says the same on a machine that others use too; the
rounds are interleaved, and the least of each counts.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))  # before the imports of what is there

from processes import Process  # noqa: E402

SOURCES = ("schemas", "http", "consumer")


def start_s(tree: Path, home: Path) -> float:
    """Seconds of processor time of one process."""
    before = os.times()
    environment = {
        "PYTHONPATH": os.pathsep.join(str(tree.absolute() / name) for name in SOURCES),
        "ASSET_BRIDGE_HTTP__PORT": "0",
    }
    with Process("serve", home=home, environment=environment) as process:
        process.line("asset-bridge ready")
        process.signal()
        if (code := process.wait(60)) != 0:
            raise SystemExit(f"ended with {code}: {process.err}")
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    """Measure in turn, and print the least of each and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--before", type=Path, required=True)
    arguments = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="asset-bridge-start-"))
    try:
        start_s(ROOT, home)  # makes Dagster's tables and what Python keeps compiled
        start_s(arguments.before, home)
        rounds = [(start_s(arguments.before, home), start_s(ROOT, home)) for _ in range(arguments.rounds)]
    finally:
        shutil.rmtree(home)
    before, now = (min(seconds) for seconds in zip(*rounds, strict=True))
    sys.stdout.write(f"before {before:.2f} s, now {now:.2f} s of processor time: {now / before:.2f} of it\n")


if __name__ == "__main__":
    main()
