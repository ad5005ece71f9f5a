"""Does a bill of materials name what the lock file names, each with its version and the hashes of its files?

python tests/sbom.py dist/asset-bridge.cdx.json      after `make sbom`, which makes it; exit code 1 when it does not
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lock_file import read_lock, shipped


def problems(bill: dict[str, Any]) -> Iterator[str]:
    """What a bill lacks, has too much, or says otherwise than the lock."""
    if (bill.get("bomFormat"), bill.get("specVersion")) != ("CycloneDX", "1.5"):
        yield "it is not CycloneDX 1.5"
    components = bill.get("components", [])
    named = {component["name"]: component["version"] for component in components}
    wanted = shipped(read_lock())
    for name in sorted({*named, *wanted}):
        if named.get(name) != wanted.get(name):
            yield f"{name}: {named.get(name, 'not')} in the bill, {wanted.get(name, 'not')} in the lock"
    for component in components:
        if component.get("purl") != f"pkg:pypi/{component['name']}@{component['version']}":
            yield f"{component['name']}: no address of the package"
        files = component.get("externalReferences", [])
        if not files or not all(file.get("hashes") for file in files):
            yield f"{component['name']}: a file without a hash"


def main(path: Path) -> int:
    bill = json.loads(path.read_text("utf-8"))
    found = list(problems(bill))
    print(*found or [f"{path}: {len(bill['components'])} packages, as in uv.lock"], sep="\n")  # noqa: T201 - a script
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
