"""The pages of the dead letters: all of them by topic and code, those of one, and a letter with its payload."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.responses import Response

from asset_consumer.console.edits import editable
from asset_consumer.console.letter_book import LetterBook
from asset_consumer.console.payload import payload
from asset_consumer.console.world import FRESH_S
from asset_consumer.letter_filter import OPEN
from asset_consumer.letter_reader import LetterReader
from asset_consumer.letter_topics import dead_letter_topics
from asset_consumer.topic_reader import TopicReaderError, cluster_id
from asset_events.errors import ERROR_CODES
from asset_reporting.recorders import letter_fates
from asset_reporting.storage_threads import StorageThreadsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asset_consumer.console.visits import Visit
    from asset_consumer.console.world import World
    from asset_consumer.letters import Letter

PER_PAGE: Final = 50

MEANINGS: Mapping[str, str] = {code: entry.meaning for code, entry in ERROR_CODES.items()}


async def letters_page(visit: Visit) -> Response:
    """The groups; or the letters of one, or those that hold a text, page by page."""
    source = visit.world.letters
    await asyncio.to_thread(source.freshen, FRESH_S)
    fact = source.look()
    book = fact.value or LetterBook()
    query = visit.request.query_params
    topic, code, text, state = (query.get(name, "") for name in ("topic", "code", "text", "state"))
    if not (topic or code or text):
        return visit.page(
            "groups.html", "Dead letters", live=True, fact=fact, book=book, groups=book.groups(), meanings=MEANINGS
        )
    found = book.of(topic, code)
    lines = [line for line in found if (state == "all" or line.open) and (not text or line.says(text.strip().lower()))]
    pages = max(1, -(-len(lines) // PER_PAGE))
    number = min(max(1, _number(query.get("page", "1"))), pages)
    chosen = {name: value for name, value in (("topic", topic), ("code", code), ("text", text)) if value}
    return visit.page(
        "letters.html",
        "Dead letters",
        live=True,
        fact=fact,
        book=book,
        lines=lines[(number - 1) * PER_PAGE : number * PER_PAGE],
        total=len(lines),
        settled=sum(not line.open for line in found),
        topic=topic,
        code=code,
        text=text,
        state=state,
        meaning=MEANINGS.get(code, ""),
        number=number,
        pages=pages,
        here_query=urlencode(chosen),
        open_count=sum(line.open for line in lines),
    )


async def letter_page(visit: Visit) -> Response:
    """One letter: why it failed, and all it holds, with the failing fields marked."""
    letter = await find_letter(visit.world, visit.request.query_params.get("at", ""))
    try:
        letter = await visit.world.fate_threads.run(_with_fate, visit.world, letter)
        known = True
    except Exception:  # noqa: BLE001 # the letter is worth showing without its fate, and the page says so
        known = False
    # Large values take a while: other pages must not wait for this one.
    return await asyncio.to_thread(_letter_answer, visit, letter, known=known)


def _letter_answer(visit: Visit, letter: Letter, *, known: bool) -> Response:
    return visit.page(
        "letter.html",
        "Dead letters",
        letter=letter,
        known=known,
        meaning=MEANINGS.get(letter.code, ""),
        value=payload(letter.record.value, letter.errors),
        key=payload(letter.record.key),
        headers=[(name, payload(value)) for name, value in letter.record.headers],
        editable=editable(letter.record.value) if visit.may_act else None,
        open=letter.state in OPEN,
    )


async def value_file(visit: Visit) -> Response:
    """The value, byte for byte, to be kept as a file."""
    letter = await find_letter(visit.world, visit.request.query_params.get("at", ""))
    if letter.record.value is None:
        raise HTTPException(404, "This record has no value (null).")
    name = letter.place.replace("/", "-")
    headers = {"Content-Disposition": f'attachment; filename="{name}.bin"'}
    return Response(letter.record.value, media_type="application/octet-stream", headers=headers)


async def find_letter(world: World, at: str) -> Letter:
    """Read the letter at `topic/partition/offset`, within a deadline.

    Raises:
        HTTPException: There is none, or nobody answers.
    """
    topic, partition, offset = place_of(world, at)
    trouble = world.group.look().trouble
    if trouble:  # known without asking once more
        raise HTTPException(503, f"The letter cannot be read now: {trouble}.")
    try:
        letter = await world.threads.run(_read, world, topic, partition, offset)
    except TopicReaderError as error:
        raise HTTPException(503, f"The letter cannot be read now: {error}.") from None
    except StorageThreadsError:
        raise HTTPException(503, "The letter cannot be read now: Kafka does not answer.") from None
    if letter is None:
        raise HTTPException(404, "There is no such letter: retention may have deleted it.")
    return letter


def _read(world: World, topic: str, partition: int, offset: int) -> Letter | None:
    return LetterReader(world.settings, [topic], None).letter_at(topic, partition, offset)


def _with_fate(world: World, letter: Letter) -> Letter:
    """The letter with what has become of it; raises what the storage raises."""
    fates = letter_fates(world.storage.instance(), cluster_id(world.settings))
    return LetterReader(world.settings, [letter.topic], fates).with_fates([letter])[0]


def place_of(world: World, at: str) -> tuple[str, int, int]:
    """Read `topic/partition/offset`; the topic must be one of ours.

    Raises:
        HTTPException: It is no such place.
    """
    parts = at.rsplit("/", 2)
    known = dead_letter_topics(world.settings)
    if len(parts) != 3 or parts[0] not in known or not all(_is_number(part) for part in parts[1:]):  # noqa: PLR2004 # topic, partition, offset
        raise HTTPException(404, "There is no such letter: its place is topic/partition/offset.")
    return parts[0], int(parts[1]), int(parts[2])


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19  # noqa: PLR2004 # an offset has 63 bits


def _number(text: str) -> int:
    return int(text) if _is_number(text) else 1
