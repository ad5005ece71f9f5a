"""Who reaches whom in a rendered chart: selectors, ports, probes, policies; `chart_rules` has the other rules."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from charts import Rendered

from asset_reporting.app import create_management_app
from asset_reporting.health import Health

Problems = Iterator[str]
Document = dict[str, Any]

ROUTES = {getattr(route, "path", "") for route in create_management_app(Health()).routes}


def selectors_match(rendered: Rendered) -> Problems:
    """A selector finds the pods of one component, and all of its own Deployment."""
    pods = {name: pod["metadata"]["labels"] for name, pod in rendered.pods()}
    for kind, at in {
        "Deployment": ("spec", "selector", "matchLabels"),
        "Service": ("spec", "selector"),
        "PodDisruptionBudget": ("spec", "selector", "matchLabels"),
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


def policies_cover(rendered: Rendered) -> Problems:
    """Where there are policies, each pod has one, which is there before it; who tests the Service may reach it."""
    policies = rendered.of_kind("NetworkPolicy")
    pods = {name: pod["metadata"]["labels"] for name, pod in rendered.pods()}
    for name, labels in pods.items() if policies else ():
        own = [policy for policy in policies.values() if _selected(policy["spec"]["podSelector"], labels)]
        if len(own) != 1:
            yield f"{name} has {len(own)} network policies"
        elif _hook(rendered.named(name)) != _hook(own[0]) and _hook(rendered.named(name)) != "test":
            yield f"{name} starts before its network policy"
    testing = [name for name, container in rendered.containers() if container["name"] == "service"]
    for name, policy in policies.items():
        for opened in policy["spec"].get("ingress", []):
            peers = opened.get("from")
            posts = [port["port"] for port in opened["ports"]] == ["http"]
            for pod in testing if posts and peers else ():
                if not any(_selected(peer.get("podSelector"), pods[pod]) for peer in peers):
                    yield f"{name} lets {pod} not in"
    for policy in policies.values():
        ports = [port["port"] for rule in policy["spec"].get("egress", []) for port in rule.get("ports", [])]
        if ("Egress" in policy["spec"]["policyTypes"]) != (ports[:2] == [53, 53]):
            yield f"{policy['metadata']['name']}: egress without names of hosts"


def ports_exist(rendered: Rendered) -> Problems:
    """A port has a short name and a legal number; whoever names one finds it in the pods that he selects."""
    ports: dict[str, set[str]] = {}
    for pod, container in rendered.containers():
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
    for pod, container in rendered.containers():
        for probe in _probes(container):
            if probe["httpGet"]["path"] not in ROUTES:
                yield f"{pod}: {probe['httpGet']['path']} is not served"
        for name in ("livenessProbe", "startupProbe"):
            if name in container and container[name]["httpGet"]["path"] != "/livez":
                yield f"{pod}: {name} asks for more than /livez"
        if container.get("readinessProbe", {"httpGet": {"path": "/readyz"}})["httpGet"]["path"] != "/readyz":
            yield f"{pod}: ready without being ready"


def pods_listen(rendered: Rendered) -> Problems:
    """The settings say the container's ports, beyond loopback, and the Services lead to the right ones."""
    for name, deployment in rendered.of_kind("Deployment").items():
        component, *_ = deployment["spec"]["template"]["spec"]["containers"]
        config = rendered.config(component["name"])
        listening = {"management": config["management"]}
        if component["name"] == "http":
            listening["http"] = config["http"]
            listening["management"] |= {"port": config["http"]["management_port"]}
        for port in component["ports"]:
            at = listening[port["name"]]
            if ipaddress.ip_address(at["host"]).is_loopback or at["port"] != port["containerPort"]:
                yield f"{name}: nobody listens at {port['name']}"
    for name, service in rendered.of_kind("Service").items():
        (port,) = service["spec"]["ports"]
        if port["targetPort"] != ("management" if name.endswith("-management") else "http"):
            yield f"Service {name} leads to {port['targetPort']}"


ALL = [selectors_match, policies_cover, ports_exist, probes_are_served, pods_listen]


def _selected(selector: Document | None, labels: dict[str, str]) -> bool:
    return selector is not None and selector["matchLabels"].items() <= labels.items()


def _hook(document: Document) -> str:
    return str(document["metadata"].get("annotations", {}).get("helm.sh/hook", ""))


def _at(document: Document, path: tuple[str, ...]) -> Document:
    for name in path:
        document = document[name]
    return document


def _each(rendered: Rendered, kind: str, field: str) -> Iterator[tuple[Document, Document]]:
    for document in rendered.of_kind(kind).values():
        for item in document["spec"].get(field, []):
            yield document, item


def _probes(container: Document) -> list[Document]:
    return [container[name] for name in ("startupProbe", "livenessProbe", "readinessProbe") if name in container]
