"""The table of dead letters' fates: two never work the same letter, and a claim that nobody settled says so."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from dagster import DagsterInstance

from asset_reporting import letter_fates
from asset_reporting.letter_fates import Fate, LetterFates, Place
from asset_reporting.recorders import letter_fates as fates_of

pytestmark = pytest.mark.heavy

HERE: Place = ("events.dlq", 0, 5, 1000)


def test_a_letter_is_claimed_settled_and_known_to_all(each_database: DagsterInstance) -> None:
    fates, others = LetterFates(each_database, "c"), LetterFates(each_database, "c")
    assert fates.known([HERE]) == {}
    assert fates.claim([HERE], "ann") == {HERE}
    assert others.known([HERE])[HERE].state == "sending"
    assert others.claim([HERE], "bob") == set()

    done = Fate("replayed", int(time.time()), "ann", patched=True)
    fates.settle({HERE: done})

    assert others.known([HERE]) == {HERE: done}
    assert others.claim([HERE], "bob") == set()


def test_other_letters_have_other_fates(each_database: DagsterInstance) -> None:
    fates = LetterFates(each_database, "c")
    fates.claim([HERE], "ann")
    topic, partition, offset, written = HERE
    others = [
        ("other", partition, offset, written),
        (topic, 1, offset, written),
        (topic, partition, 6, written),
        (topic, partition, offset, 1001),  # the same place of a topic made anew
    ]
    assert fates.known(others) == {}
    assert LetterFates(each_database, "another cluster").known([HERE]) == {}
    assert fates.claim([HERE, *others], "bob") == set(others)


def test_a_letter_that_was_not_sent_is_open_again(each_database: DagsterInstance) -> None:
    fates = LetterFates(each_database, "c")
    other: Place = ("events.dlq", 0, 6, 1000)
    fates.claim([HERE, other], "ann")
    fates.settle({other: Fate("parked", 1, "ann")}, free=[HERE])
    assert set(fates.known([HERE, other])) == {other}
    assert fates.claim([HERE, other], "bob") == {HERE}


def test_an_old_claim_is_nobodys(each_database: DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    fates = LetterFates(each_database, "c")
    fates.claim([HERE], "ann")
    assert fates.known([HERE])[HERE].settled
    monkeypatch.setattr(letter_fates, "CLAIM_S", -1)
    assert not fates.known([HERE])[HERE].settled
    assert fates.claim([HERE], "bob") == {HERE}
    assert fates.known([HERE])[HERE].by == "bob"


def test_of_many_who_claim_at_once_one_has_it(each_database: DagsterInstance) -> None:
    places: list[Place] = [("events.dlq", 0, offset, 1) for offset in range(20)]
    with ThreadPoolExecutor(4) as threads:
        claimed = list(threads.map(lambda name: LetterFates(each_database, "c").claim(places, str(name)), range(4)))
    assert sorted(place for one in claimed for place in one) == places


def test_what_retention_took_is_forgotten(each_database: DagsterInstance) -> None:
    fates = LetterFates(each_database, "c")
    places: list[Place] = [("events.dlq", partition, offset, 1) for partition in (0, 1) for offset in (4, 5)]
    fates.claim(places, "ann")
    fates.forget("events.dlq", {0: 5, 1: 0})
    assert set(fates.known(places)) == set(places[1:])
    fates.forget("other", {0: 9, 1: 9})
    assert len(fates.known(places)) == 3


def test_a_storage_without_transactions_keeps_none() -> None:
    with DagsterInstance.ephemeral() as instance:
        assert fates_of(instance, "c") is None
