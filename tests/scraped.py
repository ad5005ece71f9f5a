"""What a scrape of Prometheus' gets from the probes of one process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kept_secrets import look_at
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from asset_reporting.app import create_management_app
from asset_reporting.health import Health

if TYPE_CHECKING:
    from httpx2 import Client


def scraped(client: Client | None = None) -> dict[str, float]:
    """Every sample, by its name and the values of its labels, in the order of the labels' names: `name:value:value`."""
    answer = (client or TestClient(create_management_app(Health()))).get("/metrics")
    assert answer.status_code == 200
    look_at("the metrics", answer.text)
    return {
        ":".join([sample.name, *(sample.labels[label] for label in sorted(sample.labels))]): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


class Growth:
    """How much each sample has grown since this was made; one that was not there began at 0."""

    def __init__(self) -> None:
        self._before = scraped()

    def of(self, name: str) -> float:
        """By how much one sample has grown, named without `asset_bridge_`."""
        name = f"asset_bridge_{name}"
        return scraped().get(name, 0) - self._before.get(name, 0)
