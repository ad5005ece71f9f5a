"""Without keys, a web page of another site cannot let its reader's browser report; programs and our own page can."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dagster import DagsterInstance
from fake_recorders import FakeRecorder
from http_world import http_client
from known_keys import key_of, known_keys

from asset_reporting.handlers import ReportingContext

PATH = "/report_asset_observation/a"


@pytest.fixture(scope="module")
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp() as instance:
        yield instance


@pytest.mark.parametrize(
    ("headers", "local", "beyond"),
    [
        ({}, 200, 200),
        ({"sec-fetch-site": "none"}, 200, 200),
        ({"origin": "http://localhost:3000", "host": "localhost:3000", "sec-fetch-site": "same-origin"}, 200, 200),
        ({"origin": "http://[::1]:3000", "host": "[::1]:3000"}, 200, 200),
        ({"origin": "http://bridge:3000", "host": "bridge:3000"}, 403, 200),  # by DNS it may be any page's name
        ({"origin": "https://evil.example", "host": "localhost:3000"}, 403, 403),
        ({"origin": "http://localhost:8000", "host": "localhost:3000"}, 403, 403),
        ({"origin": "null"}, 403, 403),
        ({"origin": "http://[evil"}, 403, 403),
        ({"sec-fetch-site": "cross-site"}, 403, 403),
        ({"sec-fetch-site": "same-site"}, 403, 403),
    ],
)
def test_pages_of_other_sites_may_not_report(
    instance: DagsterInstance, headers: dict[str, str], local: int, beyond: int
) -> None:
    for is_local, status in ((True, local), (False, beyond)):
        recorder = FakeRecorder()
        with http_client(instance, ReportingContext(recorder), local=is_local) as client:
            assert client.post(PATH, headers=headers).status_code == status
            assert client.post("/report_asset_events", headers=headers, content=b"[]").status_code in {status, 400}
            assert client.get("/livez", headers=headers).status_code == 200
        assert len(recorder.recorded) == (status == 200)


def test_with_a_key_it_does_not_matter_whose_page_it_is(instance: DagsterInstance) -> None:
    with http_client(instance, ReportingContext(FakeRecorder()), api_keys=known_keys("k")) as client:
        headers = {"origin": "https://app.example", "X-API-Key": key_of("k")}
        assert client.post(PATH, headers=headers).status_code == 200
