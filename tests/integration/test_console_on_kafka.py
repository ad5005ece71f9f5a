"""The console on a real broker, which tells the identity of a topic, and lets records go by its rights alone."""

from __future__ import annotations

import re
from pathlib import Path

import httpx2
import pytest
from console_flow import BAD, GOOD, OPERATOR, console_flow
from consuming import eventually
from mock_cluster import consume_all
from real_broker import RealBroker

pytestmark = pytest.mark.kafka


def test_flow_and_letters_are_shown_and_a_letter_is_parked(tmp_path: Path, kafka: RealBroker) -> None:
    with console_flow(tmp_path, kafka) as flow, httpx2.Client(base_url=flow.url, follow_redirects=True) as client:

        def page(path: str = "/") -> str:
            return client.get(path).text

        eventually(lambda: "Everything flows" in page() and f'<span class="figure">{len(BAD)}</span></a>' in page())

        def offsets() -> list[int]:
            return [int(number) for number in re.findall(r'<td class="n wide">(\d+)</td>', page())]

        wanted = 2 * (len(GOOD) + len(BAD))  # of the ledger, and of the logs' ends
        eventually(lambda: sum(offsets()) == wanted)
        client.post("/sign-in", data={"key": OPERATOR})
        at = f"{kafka.dead_letters}/0/0"
        token = re.search(r'name="csrf" value="([^"]+)"', page(f"/letter?at={at}"))
        assert token is not None
        preview = client.post("/preview", data={"csrf": token[1], "action": "park", "at": at})
        assert "1</strong> letter is copied to the parking topic" in preview.text
        client.post("/apply", data={"csrf": token[1], "id": preview.url.params["id"]})
        assert len(consume_all(kafka.bootstrap, f"{kafka.dead_letters}.parking", 1)) == 1
        eventually(lambda: "parked" in page(f"/letter?at={at}"))
        eventually(lambda: f'<span class="figure">{len(BAD) - 1}</span></a>' in page())
