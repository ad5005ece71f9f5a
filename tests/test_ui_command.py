"""`asset-bridge ui` as a real process: the UI below its prefix, reports with a key, and its end by a signal."""

from __future__ import annotations

import asyncio
import http.client
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from command_line import asset_bridge
from dagster import DagsterInstance
from dagster_reading import runless_events
from known_keys import entry_of, key_of, keys_file
from ports import free_port
from processes import Process
from websockets.asyncio.client import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.heavy

KEY = key_of("ui")
WITH_KEY = {"X-API-Key": KEY}
DEFINITIONS = 'import dagster as dg\ndefs = dg.Definitions(assets=[dg.AssetSpec(["warehouse", "known"])])\n'
WORKSPACE = "load_from:\n  - python_file: {relative_path: definitions.py, location_name: here}\n"
LATEST = """query { assetOrError(assetKey: {path: ["warehouse", "known"]}) { ... on Asset {
    definition { id } assetMaterializations { description } } } }"""


class Ui:
    """The command on a workspace of one code location, below /dagster, where only what is defined is taken."""

    def __init__(self, process: Process, url: str) -> None:
        self.process = process
        self.url = url

    def ask(self, query: str) -> Any:
        return requests.post(f"{self.url}/dagster/graphql", json={"query": query}, timeout=30).json()["data"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("ui")
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}")
    (home / "definitions.py").write_text(DEFINITIONS)
    keys_file(home / "keys", entry_of("ui"))
    (home / "mine.yaml").write_text(WORKSPACE)
    return home


@pytest.fixture(scope="module")
def ui(home: Path) -> Iterator[Ui]:
    port = free_port()
    (home / "bridge.yaml").write_text(
        f"http: {{port: {port}, api_keys_file: keys}}\ntargets: {{unknown_assets: reject, workspace: mine.yaml}}\n"
    )
    arguments = ("ui", "--config", "bridge.yaml", "-w", "mine.yaml", "--path-prefix", "/dagster")
    with Process(*arguments, home=home) as process:
        ready = process.line("asset-bridge ready")
        assert ready == f"asset-bridge ready: http://127.0.0.1:{port}/dagster, transactional recorder"
        yield Ui(process, f"http://127.0.0.1:{port}")


def test_a_report_with_its_key_is_read_back_from_the_ui(ui: Ui) -> None:
    where = f"{ui.url}/dagster/report_asset_materialization/warehouse/known"
    body = {"description": "by post"}
    assert requests.post(where, json=body, timeout=30).status_code == 401
    assert requests.post(where, json=body, headers=WITH_KEY, timeout=30).status_code == 200

    asset = ui.ask(LATEST)["assetOrError"]
    assert asset["definition"]["id"]
    assert asset["assetMaterializations"] == [{"description": "by post"}]
    page = requests.get(f"{ui.url}/dagster/assets/warehouse/known", timeout=30)
    assert (page.status_code, "<!doctype html>" in page.text.lower()) == (200, True)


def test_targets_are_those_of_the_workspace_that_is_shown(ui: Ui) -> None:
    answer = requests.post(f"{ui.url}/dagster/report_asset_observation/unknown", headers=WITH_KEY, timeout=30)

    assert (answer.status_code, answer.json()["code"]) == (404, "asset.unknown")


def test_probes_and_metrics_are_outside_the_prefix(ui: Ui) -> None:
    assert requests.get(f"{ui.url}/livez", timeout=30).status_code == 200
    assert requests.get(f"{ui.url}/readyz", timeout=30).json()["status"] == "ready"
    assert "asset_bridge_events_total" in requests.get(f"{ui.url}/metrics", timeout=30).text


@pytest.mark.parametrize(
    "path",
    [
        "/dagster/report_asset_materialization%2Fwarehouse%2Fknown", "/dagster/%72eport_asset_materialization/known",
        "//dagster/report_asset_materialization/known", "/dagster//report_asset_materialization/known",
        "/x/../dagster/report_asset_materialization/known", "/dagster/./report_asset_materialization/known",
        "/dagster%2freport_asset_materialization/known", "/report_asset_materialization/warehouse/known",
        "/dagster/Report_asset_materialization/known", "/dagster/report_asset_materialization/warehouse/known/",
    ],
)  # fmt: skip
def test_no_path_leads_past_the_guard(ui: Ui, home: Path, path: str) -> None:
    with DagsterInstance.local_temp(str(home)) as instance:
        before = len(runless_events(instance))
        server = http.client.HTTPConnection(ui.url.removeprefix("http://"), timeout=30)  # sends the path as it is
        server.request("POST", path, b"{}", {"Content-Type": "application/json"})
        assert server.getresponse().status in {401, 404, 405}
        server.close()
        assert len(runless_events(instance)) == before


def test_the_ui_gets_its_websocket(ui: Ui) -> None:
    async def greet() -> object:
        url = f"{ui.url.replace('http', 'ws')}/dagster/graphql"
        async with connect(url, subprotocols=["graphql-ws"]) as socket:  # type: ignore[list-item] # a plain name
            await socket.send(json.dumps({"type": "connection_init"}))
            return json.loads(await socket.recv())

    assert asyncio.run(greet()) == {"type": "connection_ack"}


def test_a_signal_ends_it_and_its_code_server(ui: Ui) -> None:  # the last of this file: it ends what the others ask
    ui.process.signal()
    assert ui.process.wait(20) == 0
    assert not [line for line in ui.process.err if "Traceback" in line]


@pytest.mark.parametrize(
    ("arguments", "settings", "words"),
    [
        (
            (),
            {"ASSET_BRIDGE_HTTP__HOST": "0.0.0.0"},
            "ASSET_BRIDGE_HTTP__API_KEYS_FILE (http.api_keys_file): is needed",
        ),
        (("--path-prefix", "dagster/"), {}, "--path-prefix"),
        (("-w", "missing.yaml"), {}, "--workspace: there is no such file"),
        (("-w", "bad.yaml"), {}, "--workspace: is no workspace file that Dagster takes"),
    ],
)
def test_what_cannot_be_served_is_refused(
    tmp_path: Path, arguments: tuple[str, ...], settings: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yaml").write_text("load_from: 5\n")

    ended = asset_bridge(
        "ui", *arguments, DAGSTER_HOME=str(tmp_path), ASSET_BRIDGE_HTTP__PORT=str(free_port()), **settings
    )

    assert ended.returncode == 78
    (line,) = ended.stderr.splitlines()
    assert words in line
