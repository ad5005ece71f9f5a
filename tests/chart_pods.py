"""What a container of the chart finds when it starts: arguments, environment, and files below a folder of ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charts import Rendered

Contents = Mapping[str, Mapping[str, str]]
"""Of Secrets or ConfigMaps: the values of their keys, by their names."""


class Dangling(Exception):  # noqa: N818 # what it is
    """Raised when a pod names something that is not there, as a kubelet would wait for it for ever."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """What the namespace holds besides the release."""

    secrets: Contents
    config_maps: Contents


@dataclass(frozen=True, slots=True)
class LaidOut:
    """One container."""

    arguments: list[str]
    environment: dict[str, str]
    folder: Path

    @property
    def config(self) -> Path:
        return Path(self.arguments[self.arguments.index("--config") + 1])


def lay_out(rendered: Rendered, pod_name: str, container_name: str, folder: Path, foreign: Foreign) -> LaidOut:
    """Write the files that are mounted, and read the environment; raises `Dangling`."""
    (pod,) = [pod["spec"] for name, pod in rendered.pods() if name == pod_name]
    (container,) = [one for one in pod["containers"] if one["name"] == container_name]
    ours = {name: one.get("data", {}) for name, one in rendered.of_kind("ConfigMap").items()}
    namespace = Foreign(foreign.secrets, {**foreign.config_maps, **ours})
    _account(rendered, pod)
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    mounts = sorted(container["volumeMounts"], key=lambda mount: len(mount["mountPath"]))
    paths = [mount["mountPath"] for mount in mounts]

    def moved(text: str) -> str:
        for path in paths:  # the shortest first: what is moved once is not moved again
            if not any(path.startswith(f"{other}/") for other in paths):
                text = text.replace(path, f"{folder}{path}")
        return text

    for mount in mounts:
        place = Path(f"{folder}{mount['mountPath']}")
        files = dict(_files(volumes[mount["name"]], namespace))
        if "subPath" in mount:
            _write(place, moved(_value(files, mount["subPath"], mount["name"])))
            continue
        place.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            _write(place / name, moved(content))
    environment = {one["name"]: moved(_variable(one, namespace)) for one in container.get("env", [])}
    return LaidOut([moved(argument) for argument in container["args"]], environment, folder)


def _account(rendered: Rendered, pod: dict[str, Any]) -> None:
    if pod["serviceAccountName"] not in {"default", *rendered.of_kind("ServiceAccount")}:
        raise Dangling(f"service account {pod['serviceAccountName']}")


def _files(volume: dict[str, Any], namespace: Foreign) -> Iterator[tuple[str, str]]:
    if "emptyDir" in volume:
        return
    for source in volume.get("projected", {}).get("sources", [volume]):
        if "configMap" in source:
            held, wanted = namespace.config_maps, source["configMap"]
        else:
            held, wanted = namespace.secrets, source["secret"]
        content = _value(held, wanted.get("name") or wanted["secretName"], volume["name"])
        items = wanted.get("items") or [{"key": key, "path": key} for key in content]
        yield from ((item["path"], _value(content, item["key"], volume["name"])) for item in items)


def _variable(variable: dict[str, Any], namespace: Foreign) -> str:
    if "value" in variable:
        return str(variable["value"])
    reference = variable["valueFrom"]["secretKeyRef"]
    return str(
        _value(_value(namespace.secrets, reference["name"], variable["name"]), reference["key"], variable["name"])
    )


def _value(held: Mapping[str, Any], name: str, where: str) -> Any:
    if name not in held:
        raise Dangling(f"{where}: {name} is not there")
    return held[name]


def _write(place: Path, content: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(content, "utf-8")
