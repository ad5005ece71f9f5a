"""A running server, keys on, and a `requests` that reaches it by the addresses of the document's examples."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests as library
from dagster import AssetCheckEvaluation, AssetMaterialization, AssetObservation, DagsterInstance
from dagster_reading import anonymous, event_of, runless_entries
from http_world import http_server
from known_keys import key_of, known_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asset_reporting.handlers import ReportingContext

KEY = key_of("examples")
ADDRESSES = ("http://localhost:3000", "http://dagster-webserver")


@dataclass
class Requests:
    """Stands in for the module: the examples' address becomes the server's, and the key is sent unless headers are."""

    base: str

    def post(self, url: str, **request: Any) -> library.Response:
        for address in ADDRESSES:
            url = url.replace(address, self.base)
        request.setdefault("headers", {"X-API-Key": KEY})
        return library.post(url, **request, timeout=10)


@dataclass
class DocumentServer:
    instance: DagsterInstance
    requests: Requests

    def check_success(self, response: library.Response, message: str) -> None:
        """The documented answer, with the storage id of the event that is now the newest."""
        assert response.status_code == 200
        assert response.json() == {
            "status": "success",
            "event_id": str(self.instance.event_log_storage.get_maximum_record_id()),
            "message": message,
        }

    def newest(self) -> AssetMaterialization | AssetObservation | AssetCheckEvaluation:
        return anonymous(event_of(runless_entries(self.instance)[-1]))

    def check_materialized(self, response: library.Response, expected: AssetMaterialization) -> None:
        self.check_success(response, "Asset materialization recorded")
        assert self.newest() == expected

    def check_observed(self, response: library.Response, expected: AssetObservation) -> None:
        self.check_success(response, "Asset observation recorded")
        assert self.newest() == expected

    def check_evaluated(self, response: library.Response, expected: AssetCheckEvaluation) -> None:
        self.check_success(response, "Asset check evaluation recorded")
        assert self.newest() == expected


@contextmanager
def document_server(
    instance: DagsterInstance, reporting: ReportingContext | None = None, **settings: Any
) -> Iterator[DocumentServer]:
    with http_server(instance, reporting, api_keys=known_keys("examples"), **settings) as server:
        yield DocumentServer(instance, Requests(f"http://127.0.0.1:{server.port}"))
