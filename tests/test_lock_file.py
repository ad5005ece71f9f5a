"""What is installed is what was locked: each file by its hash, and all of them from the one public registry."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from lock_file import OURS, PROJECT, read_lock, shipped
from vulnerabilities import accepted, judge

LOCK = read_lock()
OTHERS = {name: package for name, package in LOCK.items() if name != OURS}

REGISTRY = "5a06749b2297be54ac5699f6f2761716adc5001a2d5f8b915ab2172922dd5706"
FILES = "c899567ee906851741bf7f3bde17a33777859ff9f53ff54d6f0ea54cf31ad636"
"""SHA-256 of the public registry's address and of its files' host: a lock made behind a mirror names another."""


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def files(package: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from package.get("wheels", [])
    if "sdist" in package:
        yield package["sdist"]


def test_every_package_comes_from_the_registry() -> None:
    assert [name for name, package in OTHERS.items() if list(package["source"]) != ["registry"]] == []
    assert {digest(package["source"]["registry"]) for package in OTHERS.values()} == {REGISTRY}
    assert LOCK[OURS]["source"] == {"editable": "."}


def test_every_file_has_a_hash_and_lies_on_the_registrys_own_host() -> None:
    assert [name for name, package in OTHERS.items() if not list(files(package))] == []
    urls = [urlsplit(file["url"]) for package in OTHERS.values() for file in files(package)]
    assert {(url.scheme, digest(url.netloc)) for url in urls} == {("https", FILES)}
    hashes = [file.get("hash", "") for package in OTHERS.values() for file in files(package)]
    assert [one for one in hashes if not one.startswith("sha256:") or len(one) != len("sha256:") + 64] == []


def test_nothing_points_uv_elsewhere() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
    assert {"index", "sources", "find-links", "extra-index-url"} & set(project["tool"].get("uv", {})) == set()
    assert not (PROJECT / "uv.toml").exists()


def test_what_is_shipped_is_told_from_what_only_tests_use() -> None:
    names = set(shipped(LOCK))
    assert {"pydantic", "dagster", "confluent-kafka", "psycopg2-binary", "cryptography", "boto3"} <= names
    assert {"pytest", "ruff", "hypothesis", OURS} & names == set()


def test_every_accepted_vulnerability_is_of_a_locked_package_and_has_a_reason() -> None:
    assert [name for (name, _), reason in accepted().items() if name not in OTHERS or len(reason.split()) < 3] == []


def answer(**found: Any) -> dict[str, Any]:
    """What uv says, as the pinned version says it (tests/deploy/test_audit.py asks it)."""
    one = {"id": "GHSA-1", "aliases": ["CVE-1"], "summary": "bad", "fix_versions": ["99"], **found}
    vulnerability = one | {"dependency": {"name": "jinja2", "version": "3"}}
    return {"summary": {"audited_packages": len(OTHERS)}, "vulnerabilities": [vulnerability]}


@pytest.mark.parametrize(("listed", "code"), [("", 1), ("GHSA-1", 0), ("CVE-1", 0), ("CVE-2", 1)])
def test_known_vulnerability_counts_unless_it_is_accepted_with_a_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], listed: str, code: int
) -> None:
    monkeypatch.setattr("vulnerabilities.accepted", lambda: {("jinja2", listed): "never called by us"})
    assert judge(answer()) == code
    said = capsys.readouterr().out
    assert ("never called by us" if code == 0 else "jinja2 3: GHSA-1 CVE-1: bad (mended in 99)") in said


def test_answer_about_fewer_packages_than_are_locked_is_no_answer() -> None:
    assert judge(answer() | {"summary": {"audited_packages": 0}, "vulnerabilities": []}) == 1
