"""Bodies of events, good and bad, with the answer each must get by every road: HTTP, a Kafka record, `parse_event`.

Each carries everything in the body: it can be posted to its event type's endpoint without a key in the path, or sent as
a record on a topic bound to that type. Two inputs are missing on purpose, because the roads rightly differ: an empty
value (a post without body, but a record that is no JSON), and one over the size limit (Kafka clients will not send it).
"""

from __future__ import annotations

from typing import Final

from corpus_accepted import ACCEPTED
from corpus_case import Case
from corpus_refused_bytes import NOT_JSON
from corpus_refused_fields import WRONG_FIELDS
from corpus_refused_metadata import WRONG_METADATA

__all__ = ["CASES", "Case"]

CASES: Final[list[Case]] = [*ACCEPTED, *NOT_JSON, *WRONG_FIELDS, *WRONG_METADATA]
