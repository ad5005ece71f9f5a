"""`asset-bridge ui`: the Dagster UI that takes events."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click

from asset_consumer.commands.options import config_option
from asset_consumer.commands.serve import say_ready
from asset_consumer.logs import configure_logging
from asset_consumer.settings_sources import load_settings
from asset_consumer.supervisor import supervise

DEFAULT_WORKSPACE = Path("workspace.yaml")
"""What dagster-webserver takes as well, where it is started without a word."""


def _prefix(_: click.Context, __: click.Parameter, prefix: str) -> str:
    if prefix and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", prefix):
        raise click.BadParameter("begins with '/' and does not end with one, such as /dagster")
    return prefix


@click.command()
@config_option
@click.option("-w", "--workspace", "workspaces", multiple=True, metavar="FILE", type=click.Path(path_type=Path),
              help="workspace.yaml of the code locations; may be repeated.")  # fmt: skip
@click.option("-l", "--path-prefix", default="", callback=_prefix, metavar="PATH",
              help="Path below which a proxy shows the UI, such as /dagster.")  # fmt: skip
@click.option("--read-only", is_flag=True, help="Nobody launches, changes or reports anything.")
def ui(config: Path | None, workspaces: tuple[Path, ...], path_prefix: str, read_only: bool) -> None:  # noqa: FBT001 # click passes flags so
    """Serve the Dagster UI of DAGSTER_HOME, with the endpoints of `asset-bridge serve` in the place of its own.

    \b
    GET  /                                            Dagster's UI, and its GraphQL
    POST /report_asset_materialization/{asset_key}    and all the others of `serve`
    GET  /livez, /readyz, /metrics                    outside the path prefix

    Without --workspace: that of ASSET_BRIDGE_TARGETS__WORKSPACE, else ./workspace.yaml, else none. Listens on
    127.0.0.1:3000. API keys guard the report endpoints only: the UI itself asks nobody who he is.
    """  # noqa: D301 # \b is click's mark for a block that keeps its lines
    settings = load_settings(config, os.environ)
    configure_logging(settings.log_format, settings.log_level)
    if not workspaces and settings.targets.workspace is None and DEFAULT_WORKSPACE.is_file():
        workspaces = (DEFAULT_WORKSPACE,)
    from asset_consumer.serve import STOP_S  # noqa: PLC0415 # late: Dagster takes seconds, `--help` must not
    from asset_consumer.ui import serve_ui  # noqa: PLC0415 # see above

    supervise(
        lambda stop: serve_ui(
            settings, stop, say_ready, workspace_files=workspaces, path_prefix=path_prefix, read_only=read_only
        ),
        STOP_S + 5,
    )
