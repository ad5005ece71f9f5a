"""The chart, rendered by Helm, as typed Kubernetes objects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from deploy_tools import HELM_3, HELM_4, Tool, run
from kubernetes import client

CHART = Path(__file__).parent.parent / "charts" / "asset-bridge"
RELEASE, NAMESPACE = "bridge", "data"
HELMS = [HELM_3, HELM_4]
POD_MAKERS = ["Deployment", "Job", "Pod"]

T = TypeVar("T")

Values = dict[str, Any]


class Refused(Exception):  # noqa: N818 # the chart's word
    """Raised when Helm does not render the chart; says what Helm says."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What one set of values makes."""

    documents: tuple[dict[str, Any], ...]

    def of_kind(self, kind: str) -> dict[str, dict[str, Any]]:
        """The objects of a kind, by their names."""
        return {one["metadata"]["name"]: one for one in self.documents if one["kind"] == kind}

    def one(self, kind: str, ending: str = "") -> dict[str, Any]:
        """The only object of a kind whose name ends so."""
        (found,) = [one for name, one in self.of_kind(kind).items() if name.endswith(ending)]
        return found

    def named(self, pod: str) -> dict[str, Any]:
        """What makes a pod, by its name."""
        (found,) = [one for kind in POD_MAKERS for name, one in self.of_kind(kind).items() if name == pod]
        return found

    def config(self, component: str) -> dict[str, Any]:
        """The settings of a component."""
        config: dict[str, Any] = yaml.safe_load(self.one("ConfigMap", f"-{component}")["data"]["config.yaml"])
        return config

    def pods(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every pod that would be there, its labels and its specification, by the name of whatever makes it."""
        for one in self.documents:
            if one["kind"] in POD_MAKERS:
                yield one["metadata"]["name"], one if one["kind"] == "Pod" else one["spec"]["template"]

    def containers(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every container, by the name of whatever makes its pod."""
        for name, pod in self.pods():
            for container in pod["spec"]["containers"]:
                yield name, container


def render(values: Values, helm: Tool = HELM_4, *, release: str = RELEASE, chart: Path = CHART) -> Rendered:
    """Render the chart, or one that has it; raises `Refused` when it does not want to."""
    return _render(json.dumps(values, sort_keys=True), helm, release, chart)


@cache
def _render(values: str, helm: Tool, release: str, chart: Path) -> Rendered:
    answer = run(helm, "template", release, chart, "--namespace", NAMESPACE, "--values", "-", given=values)
    if answer.returncode != 0:
        raise Refused(answer.stderr)
    return Rendered(tuple(one for one in yaml.load_all(answer.stdout, _NoDuplicates) if one))


def notes(values: Values) -> str:
    """What an install says at its end; Helm 4 tells it without a cluster."""
    how = ("--namespace", NAMESPACE, "--dry-run=client", "--output", "json", "--values", "-")
    answer = run(HELM_4, "install", RELEASE, CHART, *how, given=json.dumps(values))
    said: str = json.loads(answer.stdout)["info"]["notes"]
    return said


def typed(document: dict[str, Any], model: type[T]) -> T:
    """A document as the typed object that it says it is; an unknown field is the API server's to refuse."""

    class Response:
        data = json.dumps(document)

    found = client.ApiClient().deserialize(Response, model)
    assert isinstance(found, model)
    return found


class _NoDuplicates(yaml.SafeLoader):
    """Refuses a key that is there twice, of which the later one would win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"a key is there twice: {keys}"
        return super().construct_mapping(node, deep)
