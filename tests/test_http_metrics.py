"""What Prometheus is told of posts and requests."""

from __future__ import annotations

from collections.abc import Callable

from dagster import DagsterInstance
from fake_recorders import FakeRecorder
from http_world import http_client
from known_keys import known_keys
from scraped import Growth, scraped
from starlette.testclient import TestClient

from asset_events import AssetEvent
from asset_reporting.app import create_management_app
from asset_reporting.handlers import ReportingContext
from asset_reporting.health import Health
from asset_reporting.outcomes import Outcome, Unavailable

KEYED = {"idempotency_key": "http-metrics"}


def test_posts_are_counted_by_route_and_status_and_never_by_asset(client: TestClient) -> None:
    growth = Growth()
    for key in ("warehouse/customers", "warehouse/orders"):
        assert client.post(f"/report_asset_materialization/{key}").status_code == 200
    assert client.post("/report_asset_check/a", json={}).status_code == 400
    assert client.get("/nothing/of/ours").status_code == 404
    assert client.request("BREW", "/report_asset_check/a").status_code == 405

    route = "/report_asset_materialization/{asset_key:path}"
    assert growth.of(f"http_requests_total:POST:{route}:200") == 2
    assert growth.of(f"http_request_seconds_count:{route}") == 2
    assert growth.of("http_requests_total:POST:/report_asset_check/{asset_key:path}:400") == 1
    assert growth.of("http_requests_total:GET:unmatched:404") == 1
    assert growth.of("http_requests_total:other:/report_asset_check/{asset_key:path}:405") == 1
    assert not [name for name in scraped() if "customers" in name or "BREW" in name]


def test_a_post_without_its_key_is_counted_by_the_route_that_it_was_meant_for(instance: DagsterInstance) -> None:
    growth = Growth()
    with http_client(instance, api_keys=known_keys("metrics")) as client:
        assert client.post("/report_asset_materialization/warehouse/orders").status_code == 401
        assert client.post("/report_asset_events").status_code == 401
    assert growth.of("http_requests_total:POST:/report_asset_materialization/{asset_key:path}:401") == 1
    assert growth.of("http_requests_total:POST:/report_asset_events:401") == 1


def test_posted_events_are_counted_by_what_became_of_them(client: TestClient) -> None:
    growth = Growth()
    for _ in range(3):
        assert client.post("/report_asset_observation/a", json=KEYED).status_code == 200
    assert client.post("/report_asset_check/a", json={}).status_code == 400
    assert client.post("/report_asset_events", json=[{"event_type": "asset_check"}, 1]).status_code == 200

    assert growth.of("events_total:asset_observation:recorded:http") == 1
    assert growth.of("events_total:asset_observation:replayed:http") == 2
    assert growth.of("events_total:asset_check:rejected:http") == 1
    assert growth.of("events_total:unknown:rejected:http") == 2


def test_what_is_only_asked_is_not_counted_as_what_happened(client: TestClient) -> None:
    growth = Growth()
    events = [{"event_type": "asset_observation", "asset_key": "a"}, {"event_type": "asset_check"}]
    client.post("/report_asset_observation/a?dry_run=true", json={})
    client.post("/report_asset_check/a?dry_run=true", json={})
    client.post("/report_asset_events?dry_run=true", json=events)
    client.post("/api/v1/lineage?dry_run=true", json={"no": "run event"})

    assert growth.of("events_total:asset_observation:acceptable:dry_run") == 2
    assert growth.of("events_total:asset_check:rejected:dry_run") == 1
    assert growth.of("events_total:unknown:rejected:dry_run") == 2
    happened = [name.removeprefix("asset_bridge_") for name in scraped() if name.endswith(":http")]
    assert not [name for name in happened if growth.of(name)]


def counted_in_a_batch(
    instance: DagsterInstance, answer: Callable[[AssetEvent], Outcome], events: int, result: str
) -> dict[str, float]:
    """How many of the events of one request were counted so, by their type."""
    growth = Growth()
    body = [{"event_type": "asset_observation", "asset_key": "a"}] * events
    with http_client(instance, ReportingContext(FakeRecorder(answer))) as client:
        client.post("/report_asset_events", json=body)
    return {kind: growth.of(f"events_total:{kind}:{result}:http") for kind in ("asset_observation", "unknown")}


def test_events_behind_an_outage_are_counted_too(instance: DagsterInstance) -> None:
    counted = counted_in_a_batch(instance, lambda _: Unavailable("OperationalError"), 2500, "unavailable")
    assert counted["unknown"] > 0
    assert sum(counted.values()) == 2500


def test_each_event_of_a_chunk_that_fails_is_counted(instance: DagsterInstance) -> None:
    def fail(_: AssetEvent) -> Outcome:
        raise ValueError

    assert sum(counted_in_a_batch(instance, fail, 3, "failed").values()) == 3


def test_a_process_tells_of_its_own_health() -> None:
    health = Health(max_beat_age_s=60)
    told = scraped(client := TestClient(create_management_app(health)))
    assert told["asset_bridge_ready"] == told["asset_bridge_heartbeat_age_seconds"] == 0
    assert client.get("/startupz").status_code == 503
    assert client.get("/startupz").json() == {"status": "not started", "conditions": {}}

    health.set("storage", ok=True)
    assert client.get("/startupz").json()["status"] == "started"
    assert scraped(client)["asset_bridge_ready"] == 1
    health.set("storage", ok=False, reason="OperationalError")
    told = scraped(client)
    assert (told["asset_bridge_ready"], told["asset_bridge_condition:storage"]) == (0, 0)
    assert (client.get("/startupz").status_code, client.get("/readyz").status_code) == (200, 503)


def test_a_server_without_a_loop_tells_of_no_heartbeat() -> None:
    assert "asset_bridge_heartbeat_age_seconds" not in scraped(TestClient(create_management_app(Health())))


def test_the_running_versions_are_told() -> None:
    (build,) = (name for name in scraped() if name.startswith("asset_bridge_build_info"))
    assert all(part[0].isdigit() for part in build.split(":")[1:])
