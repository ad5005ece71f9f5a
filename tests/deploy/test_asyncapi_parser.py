"""The AsyncAPI project's own parser takes our document, and would not take a wrong one."""

from __future__ import annotations

import json

import deploy_tools
import pytest
from published import FOLDER

pytestmark = pytest.mark.deploy


def test_official_parser_finds_nothing_wrong() -> None:
    found = deploy_tools.run(deploy_tools.ASYNCAPI_PARSER, FOLDER / "asyncapi.json")
    assert found.returncode == 0, found.stderr
    assert {problem["code"] for problem in json.loads(found.stdout)} <= {"asyncapi-latest-version"}


def test_official_parser_would_find_a_wrong_document() -> None:
    found = deploy_tools.run(deploy_tools.ASYNCAPI_PARSER, "-", given='{"asyncapi": "3.0.0", "info": {"title": "x"}}')
    assert {problem["severity"] for problem in json.loads(found.stdout)} >= {0}
