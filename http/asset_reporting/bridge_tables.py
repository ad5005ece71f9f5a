"""The small tables of ours in Dagster's database: the recorder's two, operators' pauses, fates of dead letters."""

from __future__ import annotations

import sqlalchemy as db

METADATA = db.MetaData()
"""What the recorder needs, and makes at start."""

LETTER_METADATA = db.MetaData()
"""What is made when the first dead letter is worked: a recorder must not fail for the want of it."""

OFFSETS = db.Table(
    "asset_bridge_offsets",
    METADATA,
    db.Column("cluster_id", db.String(255), primary_key=True),
    db.Column("group_id", db.String(255), primary_key=True),
    db.Column("topic", db.String(512), primary_key=True),  # with the identity of its log, where brokers tell one
    db.Column("partition", db.Integer, primary_key=True),
    db.Column("next_offset", db.BigInteger, nullable=False),
)
"""How far each consumer group has come: everything below `next_offset` is recorded or dead-lettered."""

IDEMPOTENCY_KEYS = db.Table(
    "asset_bridge_idempotency_keys",
    METADATA,
    db.Column("key", db.String(255), primary_key=True),
    db.Column("event_id", db.BigInteger, nullable=False),
    db.Column("fingerprint", db.String(64), nullable=False),
    db.Column("recorded_at", db.BigInteger, nullable=False, index=True),  # epoch seconds
)
"""Keys of events that are recorded: `fingerprint` tells a repetition from another event under the same key."""

PAUSES = db.Table(
    "asset_bridge_pauses",
    db.MetaData(),  # apart: made by the first pause, so that a consumer needs no right to make it
    db.Column("group_id", db.String(255), primary_key=True),
    db.Column("topic", db.String(255), primary_key=True),
    db.Column("reason", db.String(200), nullable=False),
    db.Column("paused_by", db.String(100), nullable=False),
    db.Column("since", db.BigInteger, nullable=False),  # epoch seconds
)
"""Topics that an operator keeps a group from consuming. No cluster: a pause must be possible while Kafka is down, when
nobody can ask for the cluster's name."""

DEAD_LETTER_FATES = db.Table(
    "asset_bridge_dead_letter_fates",
    LETTER_METADATA,
    db.Column("cluster_id", db.String(255), primary_key=True),
    db.Column("topic", db.String(255), primary_key=True),  # the dead-letter topic
    db.Column("partition", db.Integer, primary_key=True),
    db.Column("offset", db.BigInteger, primary_key=True),
    db.Column("written_ms", db.BigInteger, primary_key=True),
    db.Column("fate", db.String(16), nullable=False),
    db.Column("decided_at", db.BigInteger, nullable=False),  # epoch seconds
    db.Column("decided_by", db.String(255), nullable=False),
    db.Column("patched", db.Boolean, nullable=False),
)
"""What became of dead letters that somebody worked; a letter without a row is open.

`written_ms` is the letter's own timestamp. A topic that was made anew has the same offsets and other letters, and not
every broker tells one log from the other.
"""
