"""The OpenAPI document is valid, names every route and every code, and what is served is what it says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from dagster import DagsterInstance
from http_world import http_app, http_client
from jsonschema import Draft202012Validator
from known_keys import known_keys
from openapi_spec_validator import OpenAPIV31SpecValidator
from openapi_spec_validator import validate as validate_document
from published import published
from starlette.testclient import TestClient

from asset_events import ERROR_CODES
from asset_reporting import documents
from asset_reporting.app import create_management_app, create_waiting_app
from asset_reporting.health import Health
from asset_reporting.openapi import openapi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.applications import Starlette

KEYS = known_keys("openapi")
ASYNCAPI = {"asyncapi": "3.0.0"}


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with DagsterInstance.local_temp() as instance, http_client(instance, api_keys=KEYS, asyncapi=ASYNCAPI) as client:
        yield client


def routes(app: Starlette) -> set[tuple[str, str]]:
    """Method and path of every route; HEAD goes with GET, and `:path` is Starlette's own."""
    return {
        (method.lower(), re.sub(r":\w+}", "}", route.path))  # type: ignore[attr-defined] # a Route
        for route in app.routes
        for method in route.methods - {"HEAD"}  # type: ignore[attr-defined] # a Route
    }


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method, path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in {"get", "post"}
    }


@pytest.mark.parametrize(
    "settings", [{}, {"secured": False, "probes": False, "asyncapi": False}], ids=["everything", "least"]
)
def test_document_is_valid_whatever_is_served(settings: dict[str, bool]) -> None:
    validate_document(openapi(**settings), cls=OpenAPIV31SpecValidator)


def test_every_route_is_in_the_document_that_is_served() -> None:
    with DagsterInstance.local_temp() as instance:
        for probes, kafka in ((True, ASYNCAPI), (False, None)):
            with http_app(instance, probes=probes, asyncapi=kafka) as app:
                document = openapi(secured=False, probes=probes, asyncapi=kafka is not None)
                assert routes(app) == set(operations(document))


def test_published_document_has_all_there_can_be(client: TestClient) -> None:
    assert client.get("/openapi.json").json() == published("openapi.json")
    assert client.get("/asyncapi.json").json() == ASYNCAPI


def test_every_code_that_a_post_can_get_is_documented_with_its_status() -> None:
    found: set[tuple[str, int]] = set()
    for operation in operations(published("openapi.json")).values():
        for status, response in operation["responses"].items():
            schema = response["content"].get("application/json", {}).get("schema", {})
            if "allOf" in schema:
                found |= {(code, int(status)) for code in schema["allOf"][1]["properties"]["code"]["enum"]}
    only_elsewhere = {"tombstone", "method.unsupported"}
    assert found == {(code, entry.http_status) for code, entry in ERROR_CODES.items() if code not in only_elsewhere}


def test_a_503_says_when_to_come_again_and_a_401_what_to_send() -> None:
    for operation in operations(published("openapi.json")).values():
        if operation["tags"] == ["report"]:
            assert [list(one) for one in operation["security"]] == [["ApiKey"], ["Bearer"]]
            assert "Retry-After" in operation["responses"]["503"]["headers"]
            assert "WWW-Authenticate" in operation["responses"]["401"]["headers"]


def test_examples_are_valid_by_their_schemas() -> None:
    document = published("openapi.json")
    for operation in operations(document).values():
        for media in operation.get("requestBody", {}).get("content", {}).values():
            if "example" in media:
                Draft202012Validator({**media["schema"], "components": document["components"]}).validate(
                    media["example"]
                )
    error = {"$ref": "#/components/schemas/Error", "components": document["components"]}
    for example in document["components"]["examples"].values():
        Draft202012Validator(error).validate(example["value"])


def test_without_keys_the_document_asks_for_none() -> None:
    document = openapi(secured=False)
    assert "securitySchemes" not in document["components"]
    assert not [operation for operation in operations(document).values() if "security" in operation]
    assert not [operation for operation in operations(document).values() if "401" in operation["responses"]]


@pytest.mark.parametrize("path", ["/openapi.json", "/asyncapi.json", "/docs", "/docs/start.js"])
def test_documents_are_open_without_a_key(client: TestClient, path: str) -> None:
    assert client.post("/report_asset_check/a").status_code == 401
    assert client.get(path).status_code == 200


def test_page_is_made_of_files_that_are_served_and_of_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/docs")
    used = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    answers = [client.get(f"/{address}") for address in used]
    assert {answer.status_code for answer in answers} == {200}
    types = {answer.headers["content-type"].split(";")[0] for answer in answers}
    assert types - {"application/json"} == {"text/javascript", "text/css", "image/png"}
    assert not [address for address in used if ":" in address or address.startswith("/")]
    assert "<script>" not in page.text
    assert "style=" not in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


@pytest.mark.parametrize("file", ["start.map", "..%2f__init__.py", "swagger-ui.js"])
def test_page_serves_no_other_file(client: TestClient, file: str) -> None:
    assert client.get(f"/docs/{file}").json()["code"] == "route.unknown"


def test_page_names_the_extra_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_swagger_ui", lambda: None)
    client = TestClient(create_waiting_app(Health()))
    page = client.get("/docs")
    assert "dagster-asset-bridge[docs]" in page.text
    assert "<script" not in page.text
    assert client.get("/docs/start.js").status_code == 404


def test_documents_are_there_before_the_storage_answers_and_not_on_a_management_port() -> None:
    waiting = create_waiting_app(Health(), asyncapi=ASYNCAPI)
    assert {("get", "/docs"), ("get", "/openapi.json"), ("get", "/asyncapi.json")} <= routes(waiting)
    assert {path for _, path in routes(create_management_app(Health()))} == {
        "/livez",
        "/readyz",
        "/startupz",
        "/metrics",
    }
