"""What `asset-bridge offsets verify` prints: a table and advice, or one JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from asset_consumer.commands.table_console import table_console

if TYPE_CHECKING:
    from asset_consumer.offset_drift import Verified


def as_document(group: str, verified: Verified) -> dict[str, Any]:
    """The JSON document."""
    partitions = [
        {
            "topic": one.topic,
            "partition": one.partition,
            "ledger": one.ledger,
            "committed": one.committed,
            "set_by": one.set_by,
            "log_begins": one.log_begins,
            "log_ends": one.log_ends,
            "verdict": verdict.name,
            "drift": verdict.drift,
            "records": verdict.records,
            "next_start": verdict.next_start,
            "to_do": verdict.to_do,
        }
        for one, verdict in verified.partitions
    ]
    left_over = [
        {"log": log, "partition": partition, "ledger": offset}
        for (log, partition), offset in sorted(verified.left_over.items())
    ]
    return {"group": group, "drift": verified.drift, "partitions": partitions, "left_over": left_over}


def print_verified(verified: Verified) -> None:
    """Print a table, then one line for each partition that a person must look at."""
    console = table_console()
    columns = ("topic", "partition", "ledger", "committed", "set by", "log", "verdict", "next start")
    table = Table(*columns, box=None, pad_edge=False)
    for one, verdict in verified.partitions:
        ledger, committed = ("-" if offset is None else str(offset) for offset in (one.ledger, one.committed))
        log = f"{one.log_begins}..{one.log_ends}"
        name = Text(verdict.name, "red" if verdict.drift else "green")
        table.add_row(one.topic, str(one.partition), ledger, committed, one.set_by, log, name, Text(verdict.next_start))
    console.print(table)
    for one, verdict in verified.partitions:
        if verdict.drift:
            console.print(Text(f"{one.topic}/{one.partition}: {verdict.to_do}"), soft_wrap=True)
    for (log, partition), offset in sorted(verified.left_over.items()):
        text = f"{log}/{partition} at {offset}: left over in the ledger; not a partition of these input topics now"
        console.print(Text(text), soft_wrap=True)
