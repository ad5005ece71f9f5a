"""What must be seen when the transactional recorder is not used: one warning, and why."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from asset_reporting import metrics
from asset_reporting.recorders import recorder_facts

if TYPE_CHECKING:
    import pytest

    from asset_reporting.recorder import Recorder


def assert_lesser_recorder(recorder: Recorder, caplog: pytest.LogCaptureFixture, *reasons: str) -> None:
    assert (recorder.name, recorder.guarantee) == ("public", "at-least-once")
    (exported,) = metrics.RECORDER.collect()
    assert [sample.labels["recorder"] for sample in exported.samples] == ["public"]
    (warning,) = [record for record in caplog.records if record.name == "asset_bridge.storage"]
    assert warning.levelno == logging.WARNING
    message = warning.getMessage()
    assert message.startswith("Events are recorded one by one and at-least-once: ")
    assert all(reason in message for reason in reasons), message
    shown = recorder_facts(recorder)
    assert shown == {"name": "public", "guarantee": "at-least-once", "reason": recorder.shortcoming}
    assert message.endswith(f"{shown['reason']}.")
