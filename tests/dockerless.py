"""Do by hand what a Dockerfile says, where no Docker can run: its own commands, in a scratch folder for a root.

Three things are stood in for: the base image by a copy of this machine's Python, uv's image by this machine's uv, the
system's own programs (`mkdir`, `rm`) by this machine's. Paths that `_OURS` matches are meant within the scratch root.
It is at one place for all stages, as `/` is; a stage that is finished is moved away, so that nothing can lead back.
"""

from __future__ import annotations

import fnmatch
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dockerfile import Stage, assignments, read_stages

PROJECT = Path(__file__).parent.parent
USER = 65532

_OURS = re.compile(r"(?<![\w.$/-])/(?=(?:opt|src|usr/local)\b)")
_SYSTEM = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LD_LIBRARY_PATH": "/usr/local/lib"}


@dataclass(slots=True)
class Image:
    """What a stage has come to: its files, and what a container of it is started with."""

    root: Path
    environment: dict[str, str] = field(default_factory=lambda: dict(_SYSTEM))
    workdir: str = "/"
    user: str = "0"
    labels: dict[str, str] = field(default_factory=dict)
    entrypoint: list[str] = field(default_factory=list)
    stop_signal: str = ""

    def run(self, *command: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command as a container would: its environment and no other, its working folder, its user."""
        variables = self.here | (environment or {})
        program = shutil.which(command[0], path=variables["PATH"]) or command[0]
        identity: dict[str, Any] = {"user": USER, "group": USER, "extra_groups": []} if os.getuid() == 0 else {}
        return subprocess.run(
            [program, *command[1:]],
            env=variables,
            cwd=self.path(self.workdir),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            **identity,
        )

    @property
    def here(self) -> dict[str, str]:
        """Its environment, with the paths that they have on this machine."""
        return {name: self.translated(value) for name, value in self.environment.items()}

    def path(self, inside: str) -> Path:
        return self.root / inside.lstrip("/")

    def translated(self, text: str) -> str:
        return _OURS.sub(f"{self.root}/", text)


def build(target: str, scratch: Path) -> Image:
    """Build one target and the stages that it needs."""
    return _Builder(read_stages(PROJECT / "Dockerfile"), scratch).finished(target)


class _Builder:
    def __init__(self, stages: dict[str, Stage], scratch: Path) -> None:
        self._stages, self._scratch = stages, scratch
        self._root = scratch / "root"
        self._context = scratch / "context"
        self._built: dict[str, Image] = {}
        copy_context(self._context)

    def finished(self, target: str) -> Image:
        """Build, and leave the root where it was built: scripts name their interpreter by its path."""
        image = self._build(target)
        self._built[target].root.rename(self._root)
        image.root = self._root
        return image

    def _build(self, name: str) -> Image:
        if name in self._built:
            return self._built[name]
        stage = self._stages[name]
        needed = [stage.base, *re.findall(r"--from=(\S+)", " ".join(stage.all("COPY")))]
        for other in needed:
            if other in self._stages:
                self._build(other)
        image = Image(self._root)
        if stage.base in self._built:
            parent = self._built[stage.base]
            subprocess.run(["cp", "--archive", parent.root, self._root], check=True)  # with the owners
            image = Image(self._root, dict(parent.environment), parent.workdir, parent.user, dict(parent.labels))
            image.stop_signal = parent.stop_signal
        else:
            _stand_in(stage.base, self._root)
        for keyword, text in stage.instructions:
            getattr(self, f"_{keyword.lower()}")(image, text)
        self._root.rename(self._scratch / name)
        image.root = self._scratch / name
        self._built[name] = image
        return image

    def _env(self, image: Image, text: str) -> None:
        image.environment |= assignments(text, image.environment)

    def _arg(self, image: Image, text: str) -> None:
        image.labels |= {f"${name}": value for name, value in assignments(text, {}).items()}

    def _label(self, image: Image, text: str) -> None:
        arguments = {name[1:]: value for name, value in image.labels.items() if name.startswith("$")}
        image.labels |= assignments(text, arguments)

    def _workdir(self, image: Image, text: str) -> None:
        image.workdir = text
        image.path(text).mkdir(parents=True, exist_ok=True)

    def _user(self, image: Image, text: str) -> None:
        image.user = text

    def _stopsignal(self, image: Image, text: str) -> None:
        image.stop_signal = text

    def _entrypoint(self, image: Image, text: str) -> None:
        assert text.startswith("["), "a shell around the command would keep signals from it"
        image.entrypoint = [word.strip(",") for word in shlex.split(text.strip("[]"))]

    def _cmd(self, image: Image, text: str) -> None:
        """Overridden wherever the images are used here."""

    def _copy(self, image: Image, text: str) -> None:
        *words, source, target = text.split()
        options = dict(word.removeprefix("--").split("=") for word in words)
        of = self._built[options["from"]].path(source) if "from" in options else self._context / source
        to = image.path(target if target.startswith("/") else f"{image.workdir}/{target}")
        if of.is_file():
            shutil.copy(of, to)
        else:
            shutil.copytree(of, to, symlinks=True, dirs_exist_ok=True)
        if "chown" in options and os.getuid() == 0:
            owner, group = map(int, options["chown"].split(":"))
            for path in (to, *to.rglob("*")):
                os.chown(path, owner, group, follow_symlinks=False)

    def _run(self, image: Image, text: str) -> None:
        """Run a command with the image's environment; from outside come only the ways to package registries."""
        mounts = dict(re.findall(r"--mount=type=bind,source=(\S+),target=(\S+)", text))
        for source, target in mounts.items():
            shutil.copy(self._context / source, image.path(image.workdir) / target)
        command = image.translated(re.sub(r"--mount=\S+", "", text).strip())
        outside = {name: value for name, value in os.environ.items() if not re.match(r"UV_P|VIRTUAL|PYTHON", name)}
        environment = outside | image.here
        subprocess.run(["/bin/sh", "-ec", command], cwd=image.path(image.workdir), env=environment, check=True)
        for target in mounts.values():
            image.path(f"{image.workdir}/{target}").unlink()


def copy_context(to: Path) -> None:
    """What `docker build` is handed: what .dockerignore lets through; the last line that matches a name decides."""
    lines = (PROJECT / ".dockerignore").read_text("utf-8").split("\n")
    rules = [line for line in lines if line and not line.startswith("#")]

    def ignored(folder: str, names: list[str]) -> set[str]:
        return {name for name in names if _ignored((Path(folder) / name).relative_to(PROJECT), rules)}

    shutil.copytree(PROJECT, to, ignore=ignored)


def _ignored(path: Path, rules: list[str]) -> bool:
    verdict = False
    for rule in rules:
        pattern = rule.removeprefix("!")
        deep = pattern.startswith("**/") and fnmatch.fnmatch(path.name, pattern.removeprefix("**/"))
        if deep or fnmatch.fnmatch(path.parts[0], pattern):
            verdict = not rule.startswith("!")
    return verdict


def _stand_in(image: str, root: Path) -> None:
    """What we take of an image that is not ours: a Python with its pip, or uv."""
    if "/uv:" in image:
        root.mkdir()
        shutil.copy(_uv(), root / "uv")
    else:
        copy_python(root / "usr/local")


def copy_python(prefix: Path) -> None:
    """Copy this machine's Python with its standard library, and of what is installed into it the pip."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    library = Path(sysconfig.get_path("stdlib"))
    unwanted = shutil.ignore_patterns("site-packages", "dist-packages", "test", "__pycache__", "config-*")
    shutil.copytree(library, prefix / "lib" / version, ignore=unwanted, symlinks=True)
    shared = Path(sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("INSTSONAME"))
    if ".so" in shared.name:
        shutil.copy(shared, prefix / "lib")
    (prefix / "bin").mkdir()
    shutil.copy(Path(sys.executable).resolve(), prefix / "bin" / version)
    (prefix / "bin" / "python3").symlink_to(version)
    (prefix / "bin" / "python").symlink_to(version)
    (prefix / "bin" / "pip").touch()
    (prefix / "lib" / version / "site-packages" / "pip").mkdir(parents=True)


def _uv() -> str:
    found = shutil.which("uv") or shutil.which("uv", path=str(PROJECT / ".tools" / "bin"))
    assert found is not None, "`make` puts a uv into .tools"
    return found
