"""The soak's posts, and what they were answered."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import requests
from soak_events import Events, Made, is_good

GIVE_UP_S = 120.0
"""How long a post is sent again and again: longer than any outage of the soak."""


@dataclass
class Answers:
    """What posts were answered."""

    recorded: dict[str, int] = field(default_factory=dict[str, int])
    counted: Counter[int | str] = field(default_factory=Counter[int | str])
    wrong: list[str] = field(default_factory=list[str])

    def note(self, made: Made, answer: requests.Response) -> bool:
        """Whether the post is settled."""
        status = answer.status_code
        self.counted[status] += 1
        if status == 503:
            return False
        if status != 200 or not is_good(made.name):
            if status not in {400, 409} or is_good(made.name):
                self.wrong.append(f"{made.name} was answered {status}")
            return True
        event_id = int(answer.json()["event_id"])
        if self.recorded.setdefault(made.name, event_id) != event_id:
            self.wrong.append(f"{made.name} was answered with two ids")
        return True


class Posts:
    """Posts events one after the other; now and then the same one by two connections at once."""

    def __init__(self, port: int, events: Events, answers: Answers, per_s: float) -> None:
        self._url, self._events, self._answers, self._per_s = f"http://127.0.0.1:{port}", events, answers, per_s

    def run(self, stop: threading.Event) -> None:
        chance = self._events.chance
        with ThreadPoolExecutor(2) as pool:
            while not stop.is_set():
                for made in self._events.make():
                    times = 2 if made.key and chance.random() < 0.2 else 1
                    list(pool.map(self._settle, [made] * times))
                stop.wait(chance.uniform(0, 2 / self._per_s))

    def _settle(self, made: Made) -> None:
        """Send until it is settled; an event without a key once, since a second time it may be recorded twice."""
        give_up_at = time.monotonic() + GIVE_UP_S
        while time.monotonic() < give_up_at:
            try:
                if self._answers.note(made, self._post(made)) or not made.key:
                    return
            except requests.RequestException as error:
                self._answers.counted[type(error).__name__] += 1
                if not made.key:
                    return
            time.sleep(0.1)  # as a client does
        self._answers.wrong.append(f"{made.name} was not settled within {GIVE_UP_S} s")

    def _post(self, made: Made) -> requests.Response:
        url = f"{self._url}/report_asset_{_path(made)}/"
        return requests.post(url, data=made.body, headers={"Content-Type": "application/json"}, timeout=15)


def _path(made: Made) -> str:
    """The endpoint of an event's type; that of a body that is no JSON does not matter."""
    try:
        return str(json.loads(made.body)["event_type"]).removeprefix("asset_")
    except ValueError:
        return "materialization"
