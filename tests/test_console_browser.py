"""The console in a browser, against a real flow: live, for all, worked by forms, by keys, and without a script."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import pytest
from browsers import DESKTOP, PHONE, barriers, chromium, opened, overflow
from console_flow import HOSTILE, OPERATOR, ConsoleFlow, console_flow, event
from consuming import eventually
from mock_cluster import Sent, consume_all
from playwright.sync_api import expect
from processes import Process

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, ViewportSize

pytestmark = pytest.mark.heavy

PAGES = ["./", "events", "letters", "letters?topic=events&code=schema.invalid", "letter?at=events.dlq/0/0", "sign-in"]


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleFlow]:
    with console_flow(tmp_path_factory.mktemp("console")) as flow:
        yield flow


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def sign_in(page: Page, flow: ConsoleFlow) -> None:
    page.goto(f"{flow.url}/sign-in")
    page.get_by_label("Key", exact=True).fill(OPERATOR)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def dead_letter(flow: ConsoleFlow, page: Page, key: str, **fields: Any) -> None:
    """Send a bad event, and open the page of its letter."""
    flow.send(Sent(event(asset_key=[key], **fields), key.encode(), partition=0))
    eventually(lambda: page.goto(f"{flow.url}/letters?text={key}") and page.get_by_role("link", name=key).count())
    page.get_by_role("link", name=key).click()


def test_the_flow_is_live_and_leaves_the_reader_where_he_is(flow: ConsoleFlow, browser: Browser) -> None:
    with opened(browser) as page:
        page.goto(flow.url)
        expect(page.locator("#verdict-text")).to_contain_text("Everything flows")
        expect(page.locator("#partitions tbody tr")).to_have_count(2)
        expect(page.locator("#tiles")).to_contain_text("transactional")
        page.evaluate("window.sameDocument = true")
        page.get_by_role("link", name="More events").focus()
        flow.send(Sent(event(asset_key=["fresh", "arrival"]), partition=0))
        expect(page.locator("#newest")).to_contain_text("fresh/arrival")
        assert page.evaluate("[window.sameDocument, document.activeElement.textContent]") == [True, "More events"]

        page.get_by_role("button", name="Pause updates").click()
        flow.send(Sent(event(asset_key=["while", "paused"]), partition=0))
        shown = page.locator("#updated").text_content()
        page.get_by_role("button", name="Go on updating").click()
        expect(page.locator("#newest")).to_contain_text("while/paused")
        assert page.locator("#updated").text_content() != shown


def test_an_update_keeps_details_open_and_what_is_being_typed(flow: ConsoleFlow, browser: Browser) -> None:
    with opened(browser) as page:
        sign_in(page, flow)
        page.goto(f"{flow.url}/letters?topic=events&code=field.missing")
        page.get_by_text("Correct all with a patch").click()
        page.get_by_label("Patch").fill("[half a patch")
        flow.send(Sent(event(event_type="asset_check", asset_key=["typed"], check_name="c"), partition=0))
        expect(page.locator("#letters")).to_contain_text("typed")
        assert page.get_by_label("Patch").input_value() == "[half a patch"


@pytest.mark.parametrize(("scheme", "size"), [("light", DESKTOP), ("dark", PHONE)])
def test_nothing_keeps_a_page_from_anybody(
    flow: ConsoleFlow, browser: Browser, scheme: Literal["light", "dark"], size: ViewportSize
) -> None:
    found: dict[str, object] = {}
    with opened(browser, color_scheme=scheme, viewport=size) as page:
        for path in PAGES:
            page.goto(f"{flow.url}/{path}")
            found[path] = barriers(page), max(0, overflow(page))
    assert {path: wrong for path, wrong in found.items() if wrong != ([], 0)} == {}


def test_what_comes_in_events_is_shown_and_never_run(flow: ConsoleFlow, browser: Browser) -> None:
    with opened(browser) as page:
        for path in ("./", "events", "letters", "letters?topic=events&code=field.unknown"):
            page.goto(f"{flow.url}/{path}")
        page.get_by_role("link", name="<img src=x").click()
        expect(page.locator("h1")).to_contain_text(HOSTILE.replace("\u202e", "\\u202e"))
        expect(page.locator("section .payload").first).to_contain_text("<img src=x onerror=alert(1)>")
        expect(page.locator(".headers")).to_contain_text("alert(2)")
        assert page.locator("main img, main script").count() == 0


def test_an_event_is_corrected_and_recorded(flow: ConsoleFlow, browser: Browser) -> None:
    with opened(browser) as page:
        sign_in(page, flow)
        dead_letter(flow, page, "corrected-key", metadata={"rows": 4}, partition=5)
        expect(page.locator(".marked")).to_contain_text('"partition": 5')

        page.get_by_text("Correct the value").click()
        text = page.get_by_role("textbox", name="Value").input_value()
        page.get_by_role("textbox", name="Value").fill(text.replace('"partition": 5', '"partition": false'))
        page.get_by_role("button", name="Preview the change").click()
        expect(page.get_by_role("heading", name="It would be refused again")).to_be_visible()
        assert page.get_by_role("button", name="Fix and replay").count() == 0

        page.get_by_role("textbox", name="Value").fill(text.replace('"partition": 5', '"partition": "five"'))
        page.get_by_role("button", name="Preview the change").click()
        expect(page.locator(".diff .new")).to_contain_text('"partition": "five"')
        assert barriers(page) == []
        page.get_by_role("button", name="Fix and replay 1 letter").click()
        expect(page.locator("#outcome")).to_have_text("Done")
        assert barriers(page) == []

        eventually(lambda: page.goto(f"{flow.url}/events") and page.get_by_text("corrected-key").count())
        expect(page.get_by_role("row", name="corrected-key")).to_contain_text("five")
        page.goto(f"{flow.url}/letters?text=corrected-key&state=all")
        page.get_by_role("link", name="corrected-key").click()
        expect(page.locator(".facts-list")).to_contain_text("replayed")
        expect(page.locator(".facts-list")).to_contain_text("Grace (o)")

    done = [line for line in flow.audit() if line["happening"] == "console_action"][-1]
    assert done["who"] == "Grace (o)"
    assert done["action"] == "fix and replay"
    assert list(done["letters"].values()) == ["replayed"]
    assert "five" not in "".join(flow.console.err)
    assert OPERATOR not in "".join(flow.console.err)


def test_letters_of_a_code_are_parked_without_a_script(flow: ConsoleFlow, browser: Browser) -> None:
    with opened(browser, java_script_enabled=False, viewport=PHONE) as page:
        sign_in(page, flow)
        dead_letter(flow, page, "to-park", event_type="asset_nothing")
        page.goto(f"{flow.url}/letters")
        page.get_by_role("link", name="event_type.unknown").click()
        page.get_by_role("button", name="Park all open").click()
        expect(page.locator(".will")).to_contain_text("1 letter is copied to the parking topic")
        page.get_by_role("button", name="Park 1 letter").click()
        page.wait_for_url("**/result?*")
        eventually(lambda: page.goto(page.url) and page.locator("#outcome").text_content() == "Done")
        assert [record.key for record in consume_all(flow.broker.bootstrap, "events.dlq.parking", 1)] == [b"to-park"]


def test_letters_of_a_code_are_corrected_by_a_patch(flow: ConsoleFlow, browser: Browser) -> None:
    with opened(browser) as page:
        sign_in(page, flow)
        page.goto(f"{flow.url}/letters?topic=events&code=field.unknown")
        page.get_by_text("Correct all with a patch").click()
        page.get_by_label("Patch").fill('[{"op": "move", "from": "/metdata", "path": "/metadata"}]')
        page.get_by_role("button", name="Preview the changes").click()
        expect(page.locator(".will")).to_contain_text("1 record is sent again to its topic, corrected")
        expect(page.locator(".will")).to_contain_text("names a place that the value does not have")
        page.get_by_role("button", name="Fix and replay 1 letter").click()
        expect(page.locator("#outcome")).to_have_text("Done, and not all went well")
        expect(page.locator("#result tbody")).to_contain_text("replayed")


def test_a_letter_is_reached_and_judged_by_the_keyboard_alone(flow: ConsoleFlow, browser: Browser) -> None:
    with opened(browser) as page:
        sign_in(page, flow)
        page.goto(f"{flow.url}/letters")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to content"
        page.keyboard.press("Enter")
        for name in ("schema.invalid", "warehouse/orders", "Replay as it is…"):
            tab_to(page, name)
            with page.expect_navigation():
                page.keyboard.press("Enter")
        expect(page.locator(".will")).to_contain_text("It would be refused again: /passed")


def tab_to(page: Page, name: str) -> None:
    for _ in range(60):
        page.keyboard.press("Tab")
        seen = page.evaluate(
            "[document.activeElement.textContent.trim(), getComputedStyle(document.activeElement).outlineStyle]"
        )
        if seen[0] == name:
            assert seen[1] == "solid", "the focus is not to be seen"
            return
    pytest.fail(f"{name} is not reached by Tab")


def test_an_operators_pause_is_shown_with_its_reason(flow: ConsoleFlow, browser: Browser) -> None:
    def asset_bridge(*arguments: str) -> None:
        told = {**flow.environment, "ASSET_BRIDGE_LOG_LEVEL": "DEBUG"}  # a traceback, should it fail
        with Process(*arguments, home=flow.home, environment=told) as process:
            assert process.wait(60) == 0, process.err

    with opened(browser) as page:
        asset_bridge("pause", "--all", "--reason", "deploying <b>dbt</b>", "--by", "ada")
        page.goto(flow.url)
        expect(page.locator("#verdict")).to_contain_text("2 of 2 partitions are paused by an operator")
        expect(page.locator("#partitions")).to_contain_text("deploying <b>dbt</b>")
        asset_bridge("resume", "--all")
        expect(page.locator("#verdict-text")).to_contain_text("Everything flows")


def test_pages_are_there_at_once_when_kafka_is_not(flow: ConsoleFlow, browser: Browser) -> None:
    """The last one: it takes the flow's broker away."""
    with opened(browser) as page:
        page.goto(flow.url)
        expect(page.locator("#facts")).not_to_contain_text("never")
        flow.broker.broker_down()
        expect(page.locator("#verdict-text")).to_contain_text("Kafka does not answer")
        expect(page.locator("#partitions tbody tr")).to_have_count(2)
        for path in ("./", "events", "letters"):
            began = time.monotonic()
            page.goto(f"{flow.url}/{path}")
            assert time.monotonic() - began < 4
        expect(page.locator("#groups")).to_contain_text(re.compile("cannot be read|answer"))
        began = time.monotonic()
        assert page.request.get(f"{flow.url}/letter?at=events.dlq/0/0").status == 503
        assert time.monotonic() - began < 4
        flow.broker.broker_up()
        page.goto(flow.url)
        expect(page.locator("#verdict-text")).not_to_contain_text("Kafka")
