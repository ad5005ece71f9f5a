"""`docker compose up` by hand, where no Docker can run: the file's own commands, variables, order and health checks.

    python tests/compose_by_hand.py SCRATCH

Needs root, for a network of its own, in which the services' names and ports are theirs. Our two images are made by
`dockerless.py`, for the others see `compose_stand_ins.py`. What cannot be seen so: whether those images take what the
file gives them, capabilities, and the ports that are published.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import compose_stand_ins as stand_ins
from compose_file import PROJECT, built, environment, seconds, services
from compose_stand_ins import Start
from consuming import eventually
from dockerless import USER, Image, build

START_S = 240.0
LOOK_S = 180.0

MOVED = {"webserver": ("3000", "3001")}
"""One network for all: where two services listen on one port, the first moves to another."""


class ByHand:
    """All services of some profiles, started in the order that the file asks for."""

    def __init__(self, scratch: Path, *profiles: str) -> None:
        self._scratch = scratch
        self._services = services(*profiles)
        self._images = {target: build(target, self._folder(target)) for target in ("bridge", "dagster")}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def up(self) -> None:
        self._mount()
        for name in self._in_order():
            for needed, how in self._services[name].get("depends_on", {}).items():
                self._wait(needed, how["condition"])
            self._start(name)
        for name, service in self._services.items():
            if "healthcheck" in service:
                self._wait(name, "service_healthy")

    def down(self) -> dict[str, int]:
        """Stop what depends on others first, as compose does, each within its grace period; the exit codes."""
        ended = {}
        for name in reversed(self._in_order()):
            self._running[name].send_signal(signal.SIGTERM)
            ended[name] = self._running[name].wait(seconds(self._services[name].get("stop_grace_period", "10s")))
        return ended

    def kill(self) -> None:
        """Leave nothing behind, whatever has happened."""
        for process in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def log(self, name: str) -> str:
        return (self._scratch / f"{name}.log").read_text("utf-8", "replace")

    def _in_order(self) -> list[str]:
        order: list[str] = []
        while len(order) < len(self._services):
            for name, service in self._services.items():
                if name not in order and set(service.get("depends_on", {})) <= set(order):
                    order.append(name)
        return order

    def _wait(self, name: str, condition: str) -> None:
        if condition == "service_completed_successfully":
            assert self._running[name].wait(START_S) == 0, self.log(name)
            return
        deadline = time.monotonic() + START_S
        while not self._healthy(name):
            assert self._running[name].poll() is None, self.log(name)
            assert time.monotonic() < deadline, f"{name} does not get healthy: {self.log(name)}"
            time.sleep(1)

    def _healthy(self, name: str) -> bool:
        command = self._services[name]["healthcheck"]["test"][1:]
        if name == "kafka":
            return stand_ins.kafka_answers()
        if name == "postgres":
            return stand_ins.postgres_answers(command)
        words = [_moved(name, word) for word in command]
        return self._image_of(name).run(*words, environment=self._variables(name)).returncode == 0

    def _start(self, name: str) -> None:
        service = self._services[name]
        if service["image"] in built():
            start, variables = self._ours(name), self._image_of(name).here | self._variables(name)
        else:
            start, variables = getattr(stand_ins, name)(service, self._folder(name)), dict(os.environ)
        with (self._scratch / f"{name}.log").open("wb") as log:
            self._running[name] = subprocess.Popen(
                start.words,
                env=variables,
                cwd=start.folder,
                user=start.user,
                group=start.user,
                extra_groups=[],
                start_new_session=True,
                stdout=log,
                stderr=log,
            )

    def _ours(self, name: str) -> Start:
        image, service = self._image_of(name), self._services[name]
        words = [*service.get("entrypoint", image.entrypoint), *service["command"]]
        words = [image.translated(_moved(name, word)) for word in words]
        program = shutil.which(words[0], path=image.here["PATH"])
        assert program is not None
        return Start([program, *words[1:]], image.path(image.workdir), USER)

    def _mount(self) -> None:
        """Files where the services mount them, and around the volumes a root that cannot be written."""
        for name, service in self._services.items():
            if service["image"] in built():
                for mount in service["volumes"]:
                    _mount(self._image_of(name), mount)
        for image in self._images.values():
            subprocess.run(["mount", "--rbind", image.root, image.root], check=True)
            subprocess.run(["mount", "--options", "remount,bind,ro", image.root], check=True)

    def _variables(self, name: str) -> dict[str, str]:
        return environment(name) if "environment" in self._services[name] else {}

    def _image_of(self, name: str) -> Image:
        return self._images[built()[self._services[name]["image"]]]

    def _folder(self, name: str) -> Path:
        folder = self._scratch / name
        folder.mkdir()
        return folder


def _mount(image: Image, mount: Mapping[str, Any]) -> None:
    target = image.path(mount["target"])
    if mount["type"] == "volume":
        target.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "--bind", target, target], check=True)
    else:
        target.write_text(image.translated((PROJECT / mount["source"]).read_text("utf-8")), "utf-8")


def _moved(name: str, word: str) -> str:
    before, after = MOVED.get(name, ("", ""))
    return re.sub(rf"(^|:){before}\b", rf"\g<1>{after}", word) if before else word


def main() -> None:
    """Start everything, see an event cause a run, stop everything; what was seen goes to standard output as JSON."""
    # A shell's background job ignores it, and so would all that is started here: Dagster's server then ignores SIGTERM.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    scratch = Path(sys.argv[1])
    stack = ByHand(scratch, "load")
    _enter_own_network(scratch, list(services("load")))
    try:
        stack.up()
        sys.stdout.write(json.dumps(_seen(stack)))
    finally:
        stack.kill()


def _enter_own_network(scratch: Path, names: list[str]) -> None:
    """Only here and in what is started from here: Docker's names for the services, and every port free."""
    new_mounts, new_network = 0x00020000, 0x40000000
    if ctypes.CDLL(None, use_errno=True).unshare(new_mounts | new_network) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    hosts = scratch / "hosts"
    hosts.write_text(f"127.0.0.1 localhost {socket.gethostname()} {' '.join(names)}\n")
    subprocess.run(["mount", "--bind", hosts, "/etc/hosts"], check=True)


def _seen(stack: ByHand) -> dict[str, Any]:
    load = {"metadata": {"rows": 3}}
    posted = _post("http://serve:3000/report_asset_materialization/warehouse/orders", load)["status"]
    eventually(lambda: "SUCCESS" in _runs(), LOOK_S)
    eventually(lambda: _dead_letters(stack) != [], LOOK_S)
    seen = {"posted": posted, "runs": _runs(), "exceptions": _exceptions(), "dead_letters": _dead_letters(stack)}
    return {**seen, "stopped": stack.down()}


def _runs() -> list[str]:
    runs = _asked("status assetSelection{path}")
    return [run["status"] for run in runs if run["assetSelection"] == [{"path": ["reports", "daily_kpis"]}]]


def _exceptions() -> list[str]:
    """What runs got over, and tell in their logs only."""
    runs = _asked("eventConnection{events{... on MessageEvent{message}}}")
    messages = [event["message"] for run in runs for event in run["eventConnection"]["events"]]
    return [message for message in messages if "Exception" in message]


def _asked(fields: str) -> list[dict[str, Any]]:
    query = f"{{runsOrError{{... on Runs{{results{{{fields}}}}}}}}}"
    answer = _post("http://webserver:3001/graphql", {"query": query})
    runs: list[dict[str, Any]] = answer["data"]["runsOrError"]["results"]
    return runs


def _dead_letters(stack: ByHand) -> list[str]:
    return [line for line in stack.log("consume").splitlines() if "happening=dead_lettered" in line]


def _post(url: str, body: dict[str, Any]) -> Any:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310 # our own services
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 # our own services
        return json.load(answer)


if __name__ == "__main__":
    main()
