"""Apache Kafka's broker from Maven Central, kept in the user's cache: no Docker, no archive to unpack.

python tests/kafka_jars.py      fetch it; needs Maven, which knows how this machine reaches Maven Central
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

KAFKA, LOGGING = "4.4.0", "2.25.5"
"""The newest Kafka, which runs on Java 17; and a back end for its log, of the Log4j release that it brings itself."""

_POM = f"""\
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>asset-bridge</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{KAFKA}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-slf4j-impl</artifactId>
      <version>{LOGGING}</version>
    </dependency>
  </dependencies>
</project>
"""


def cache() -> Path:
    """The folder that holds the jars once they are fetched."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "asset-bridge" / f"kafka-{KAFKA}-log4j-{LOGGING}"


def cached() -> Path | None:
    """The folder of jars; None where nobody has fetched them."""
    return cache() if cache().is_dir() else None


def archive(jars: Path) -> Path:
    """What `kafka_server.archive_classes` keeps beside them."""
    return jars.with_name(f"{jars.name}.jsa")


def fetch() -> Path:
    """Fetch the jars unless they are there, all or none: a half filled folder never gets the name.

    Raises:
        SystemExit: There is no Maven.
        subprocess.CalledProcessError: Maven has failed and said why.
    """
    folder = cache()
    if not folder.is_dir():
        if shutil.which("mvn") is None:
            sys.exit("Kafka comes from Maven Central: install Maven (Debian: apt install maven, which brings Java too)")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            (Path(scratch) / "pom.xml").write_text(_POM)
            goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=jars"]
            subprocess.run(["mvn", "--quiet", "--batch-mode", *goal], cwd=scratch, check=True)
            shutil.move(Path(scratch) / "jars", folder)
    return folder


if __name__ == "__main__":
    sys.stdout.write(f"{fetch()}\n")
