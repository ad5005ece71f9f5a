"""docs/deploy.md: its values render, its commands are of this chart, its rights those that are tried on a broker."""

from __future__ import annotations

import re
import shlex
import textwrap
from pathlib import Path

import pytest
import yaml
from chart_value_sets import LEAST, merged
from charts import CHART, NAMESPACE, render
from deploy_tools import HELM_4, run
from rights import GROUP, READ, WRITE

pytestmark = pytest.mark.deploy

PAGE = (Path(__file__).parent.parent.parent / "docs" / "deploy.md").read_text("utf-8")
README = (CHART / "README.md").read_text("utf-8")


def blocks(page: str, language: str) -> list[str]:
    return [textwrap.dedent(block) for block in re.findall(rf"(?m)^ *```{language}\n((?s:.*?))^ *```", page)]


def test_every_block_of_values_renders() -> None:
    found = [yaml.safe_load(block) for block in blocks(PAGE, "yaml")]
    assert len(found) == 2
    for values in found:
        render(merged(LEAST, values))


@pytest.mark.parametrize("page", [PAGE, README], ids=["deploy.md", "README.md"])
def test_install_command_renders_under_the_names_that_the_page_uses(page: str) -> None:
    (command,) = [block for block in blocks(page, "sh") if "helm install" in block]
    words = shlex.split(command.replace("\\\n", " ").split("\nhelm test")[0], comments=True)
    assert words[:4] == ["helm", "install", "asset-bridge", "charts/asset-bridge"]
    made = run(HELM_4, "template", "asset-bridge", CHART, "--namespace", NAMESPACE, *words[4:])
    assert made.returncode == 0, made.stderr
    assert "name: asset-bridge-consumer\n" in made.stdout


def test_rights_of_the_page_are_those_that_are_tried() -> None:
    told = dict(re.findall(r"^\| (.+?) \| ((?:\w+, )+\w+) \|$", PAGE, re.MULTILINE))
    assert told == {
        "each input topic": spoken(READ),
        "each dead-letter topic": spoken(WRITE),
        "the group (`config.kafka.group_id`)": spoken(GROUP),
    }


def test_values_that_the_page_names_are_there() -> None:
    known = set(re.findall(r"^\| `([\w.]+)` \|", README, re.MULTILINE))
    parts = {name.rpartition(".")[2] for name in known}
    named = set(
        re.findall(r"`((?:consumer|http|kafka|dagster|metrics|strimzi|check|networkPolicy)\.[\w.]+\w)[`=]", PAGE)
    )
    assert len(named) > 10
    assert named - {"dagster.yaml"} <= known
    assert {"terminationGracePeriodSeconds", "minReplicas"} <= parts


def spoken(operations: tuple[str, ...]) -> str:
    return ", ".join("".join(word.capitalize() for word in name.split("_")) for name in operations)
