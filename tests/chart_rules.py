"""What the objects of a chart must have in common, which no schema of a single object says.

Each rule yields a sentence for each thing that is wrong.
"""

from __future__ import annotations

import re

import chart_reach_rules as reach
import click
from chart_reach_rules import Problems
from charts import Rendered
from kubernetes.utils.quantity import parse_quantity

from asset_consumer.cli import cli

NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
CUSTOM_NAME = re.compile(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?")


def scaled_is_there(rendered: Rendered) -> Problems:
    """Who scales names a Deployment, and it does not say how many replicas it has."""
    scaled: set[str] = set()
    for kind in ("HorizontalPodAutoscaler", "ScaledObject"):
        for name, document in rendered.of_kind(kind).items():
            target = document["spec"]["scaleTargetRef"]
            if (target["kind"], target["apiVersion"]) != ("Deployment", "apps/v1"):
                yield f"{kind} {name} scales something else"
            scaled.add(target["name"])
    for name in scaled - set(rendered.of_kind("Deployment")):
        yield f"{name} is scaled and is not there"
    for name, deployment in rendered.of_kind("Deployment").items():
        if ("replicas" in deployment["spec"]) == (name in scaled):
            yield f"Deployment {name}: replicas and an autoscaler, or neither"


def strategies_are_whole(rendered: Rendered) -> Problems:
    """What is said of a rolling update is said where there is one: an API server takes nothing else."""
    for name, deployment in rendered.of_kind("Deployment").items():
        strategy = deployment["spec"]["strategy"]
        if strategy["type"] != "RollingUpdate" and "rollingUpdate" in strategy:
            yield f"Deployment {name}: a rolling update that is none"


def requests_fit(rendered: Rendered) -> Problems:
    """Nobody asks for more than he may have."""
    for pod, container in rendered.containers():
        resources = container.get("resources", {})
        for name, limit in resources.get("limits", {}).items():
            if parse_quantity(resources.get("requests", {}).get(name, 0)) > parse_quantity(limit):
                yield f"{pod}: requests more {name} than its limit"


def volumes_and_mounts_match(rendered: Rendered) -> Problems:
    """Each mount has its volume, each volume its mount, each path one of them."""
    for name, pod in rendered.pods():
        spec = pod["spec"]
        volumes = [volume["name"] for volume in spec.get("volumes", [])]
        mounts = [mount for container in spec["containers"] for mount in container.get("volumeMounts", [])]
        mounted = {mount["name"] for mount in mounts}
        if set(volumes) != mounted or len(set(volumes)) != len(volumes):
            yield f"{name}: volumes {sorted(volumes)}, mounted {sorted(mounted)}"
        for container in spec["containers"]:
            paths = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
            if len(set(paths)) != len(paths):
                yield f"{name}: a path is mounted twice"


def commands_exist(rendered: Rendered) -> Problems:
    """The first argument is a command of ours, and what follows are options that it has."""
    for pod, container in rendered.containers():
        if container["name"] not in {"consumer", "http", "check"}:
            continue
        name, *arguments = container["args"]
        command = cli.get_command(click.Context(cli), name)
        options = {option for parameter in command.params for option in parameter.opts} if command else set[str]()
        for argument in arguments:
            if argument.startswith("-") and argument not in options:
                yield f"{pod}: {name} has no option {argument}"
        if command is None:
            yield f"{pod}: there is no command {name}"


def names_are_legal(rendered: Rendered) -> Problems:
    """Names and label values are as short and plain as Kubernetes wants them; no object is there twice."""
    seen: set[tuple[str, str]] = set()
    for document in rendered.documents:
        kind, metadata = document["kind"], document["metadata"]
        pattern = CUSTOM_NAME if kind.startswith("Kafka") else NAME
        if not pattern.fullmatch(metadata["name"]) or len(metadata["name"]) > (253 if kind.startswith("Kafka") else 63):
            yield f"{kind} {metadata['name']} is not named so"
        if (kind, metadata["name"]) in seen:
            yield f"{kind} {metadata['name']} is there twice"
        seen.add((kind, metadata["name"]))
        for label, value in metadata.get("labels", {}).items():
            if len(value) > 63:
                yield f"{kind} {metadata['name']}: label {label} is too long"


def pods_are_restricted(rendered: Rendered) -> Problems:
    """Every container of ours fits into the strictest of Kubernetes' three security standards."""
    for name, pod in rendered.pods():
        spec = pod["spec"]
        whole = spec["securityContext"]
        if not (
            whole["runAsNonRoot"] and whole["runAsUser"] > 0 and whole["seccompProfile"]["type"] == "RuntimeDefault"
        ):
            yield f"{name}: the pod is not restricted"
        if spec["automountServiceAccountToken"]:
            yield f"{name}: a token is mounted"
        for container in spec["containers"]:
            own = container.get("securityContext", {})
            restricted = own.get("capabilities") == {"drop": ["ALL"]} and not own.get("allowPrivilegeEscalation", True)
            if container["name"] != "side" and not (restricted and own.get("readOnlyRootFilesystem")):
                yield f"{name}: {container['name']} is not restricted"
            if ":" not in container["image"] or container["image"].endswith(":latest"):
                yield f"{name}: the image has no version"


ALL = [
    *reach.ALL,
    scaled_is_there,
    strategies_are_whole,
    requests_fit,
    volumes_and_mounts_match,
    commands_exist,
    names_are_legal,
    pods_are_restricted,
]
