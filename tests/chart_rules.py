"""What the objects of a chart must have in common, which no schema of a single object says.

Each rule yields a sentence for each thing that is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import click
from charts import Rendered
from kubernetes.utils.quantity import parse_quantity

from asset_consumer.cli import cli
from asset_reporting.app import create_management_app
from asset_reporting.health import Health

Problems = Iterator[str]
Document = dict[str, Any]

NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
CUSTOM_NAME = re.compile(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?")
ROUTES = {getattr(route, "path", "") for route in create_management_app(Health()).routes}


def selectors_match(rendered: Rendered) -> Problems:
    """A selector finds the pods of one component, and all of its own Deployment."""
    pods = {name: pod["metadata"]["labels"] for name, pod in rendered.pods()}
    for kind, at in {
        "Deployment": ("spec", "selector", "matchLabels"),
        "Service": ("spec", "selector"),
        "PodDisruptionBudget": ("spec", "selector", "matchLabels"),
        "NetworkPolicy": ("spec", "podSelector", "matchLabels"),
        "PodMonitor": ("spec", "selector", "matchLabels"),
    }.items():
        for name, document in rendered.of_kind(kind).items():
            selector = _at(document, at)
            found = [pod for pod, labels in pods.items() if selector.items() <= labels.items()]
            if len(found) != 1 or found[0] not in rendered.of_kind("Deployment"):
                yield f"{kind} {name} selects {found}"
            elif kind == "Deployment" and found != [name]:
                yield f"Deployment {name} selects the pods of {found}"
    for name, document in rendered.of_kind("ServiceMonitor").items():
        selector = document["spec"]["selector"]["matchLabels"]
        services = rendered.of_kind("Service").items()
        if len([one for one, service in services if selector.items() <= service["metadata"]["labels"].items()]) != 1:
            yield f"ServiceMonitor {name} does not select one Service"


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


def ports_exist(rendered: Rendered) -> Problems:
    """A port has a short name and a legal number; whoever names one finds it in the pods that he selects."""
    ports: dict[str, set[str]] = {}
    for pod, container in _containers(rendered):
        for port in container.get("ports", []):
            ports.setdefault(pod, set()).add(port["name"])
            if len(port["name"]) > 15 or not 0 < port["containerPort"] < 65536:
                yield f"{pod}: port {port}"
        for probe in _probes(container):
            if probe["httpGet"]["port"] not in ports.get(pod, set()):
                yield f"{pod}: a probe asks at {probe['httpGet']['port']}"
    labels = {name: pod["metadata"]["labels"] for name, pod in rendered.pods()}
    asked = [
        *(
            (one, _at(one, ("spec", "selector")), port["targetPort"])
            for one, port in _each(rendered, "Service", "ports")
        ),
        *(
            (one, _at(one, ("spec", "selector", "matchLabels")), endpoint["port"])
            for one, endpoint in _each(rendered, "PodMonitor", "podMetricsEndpoints")
        ),
        *(
            (one, _at(one, ("spec", "podSelector", "matchLabels")), port["port"])
            for one, rule in _each(rendered, "NetworkPolicy", "ingress")
            for port in rule["ports"]
        ),
    ]  # fmt: skip
    for one, selector, port in asked:
        for pod in [pod for pod, own in labels.items() if selector.items() <= own.items()]:
            if port not in ports.get(pod, set()):
                yield f"{one['kind']} {one['metadata']['name']}: {pod} has no port {port}"


def probes_are_served(rendered: Rendered) -> Problems:
    """A probe asks for what the code serves, and nobody is restarted by what is outside the process."""
    for pod, container in _containers(rendered):
        for probe in _probes(container):
            if probe["httpGet"]["path"] not in ROUTES:
                yield f"{pod}: {probe['httpGet']['path']} is not served"
        for name in ("livenessProbe", "startupProbe"):
            if name in container and container[name]["httpGet"]["path"] != "/livez":
                yield f"{pod}: {name} asks for more than /livez"


def requests_fit(rendered: Rendered) -> Problems:
    """Nobody asks for more than he may have."""
    for pod, container in _containers(rendered):
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
    for pod, container in _containers(rendered):
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
    selectors_match,
    scaled_is_there,
    ports_exist,
    probes_are_served,
    requests_fit,
    volumes_and_mounts_match,
    commands_exist,
    names_are_legal,
    pods_are_restricted,
]


def _at(document: Document, path: tuple[str, ...]) -> Document:
    for name in path:
        document = document[name]
    return document


def _each(rendered: Rendered, kind: str, field: str) -> Iterator[tuple[Document, Document]]:
    for document in rendered.of_kind(kind).values():
        for item in document["spec"].get(field, []):
            yield document, item


def _containers(rendered: Rendered) -> Iterator[tuple[str, Document]]:
    for name, pod in rendered.pods():
        for container in pod["spec"]["containers"]:
            yield name, container


def _probes(container: Document) -> list[Document]:
    return [container[name] for name in ("startupProbe", "livenessProbe", "readinessProbe") if name in container]
