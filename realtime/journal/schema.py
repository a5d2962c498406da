"""Tables of the journal: every version there has been, and the way from one to the next."""

from __future__ import annotations

from typing import Final

from core.errors import JournalError
from core.sqlite import Schema

QUARTER_S: Final = 900
QUARTER: Final = f"CAST(strftime('%s', {{}}) AS INTEGER) / {QUARTER_S}"  # of a moment, since 1970
IS_MUSIC: Final = "substr(kind, 1, 6) = 'music '"  # of an event

# A script that has been released is never edited.
_MIGRATIONS: Final = (
    (
        """
        CREATE TABLE sessions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            started_at TEXT NOT NULL,
            ended_at TEXT,
            source_kind TEXT NOT NULL,
            source_name TEXT NOT NULL,
            rate_hz INTEGER NOT NULL,
            channels INTEGER NOT NULL,
            model TEXT NOT NULL,
            settings TEXT NOT NULL,
            app_version TEXT NOT NULL
        )
        """,
        """
        CREATE TABLE windows (
            session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
            clock INTEGER NOT NULL,
            speech_share REAL NOT NULL,
            p_neutral REAL,
            p_calm REAL,
            p_happy REAL,
            p_sad REAL,
            p_angry REAL,
            p_fearful REAL,
            p_disgust REAL,
            p_surprised REAL,
            kind TEXT NOT NULL,
            emotion TEXT,
            leading TEXT,
            confidence REAL NOT NULL,
            changed INTEGER NOT NULL,
            reason TEXT NOT NULL,
            latency_ms REAL NOT NULL,
            wall_time TEXT NOT NULL,
            PRIMARY KEY (session_id, clock)
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE events (
            session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
            seq INTEGER NOT NULL,
            clock INTEGER NOT NULL,
            kind TEXT NOT NULL,
            detail TEXT NOT NULL,
            wall_time TEXT NOT NULL,
            PRIMARY KEY (session_id, seq)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX sessions_started_at ON sessions (started_at)",
    ),
    (
        # Probabilities of lively and of pleasant, the words that were accepted, and what they add up to.
        "ALTER TABLE windows ADD COLUMN energy REAL",
        "ALTER TABLE windows ADD COLUMN pleasantness REAL",
        "ALTER TABLE windows ADD COLUMN accepted_energy TEXT",
        "ALTER TABLE windows ADD COLUMN accepted_pleasantness TEXT",
        "ALTER TABLE windows ADD COLUMN direction TEXT",
    ),
    (
        # What a person wrote about a session; what a record of the music is about.
        "ALTER TABLE sessions ADD COLUMN note TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE events ADD COLUMN feeling TEXT",
        "ALTER TABLE events ADD COLUMN playlist TEXT",
        f"CREATE INDEX events_music ON events (session_id, wall_time) WHERE {IS_MUSIC}",
        # A year holds millions of windows: they are counted as they come, by quarters of an hour since 1970.
        """
        CREATE TABLE window_counts (
            quarter INTEGER NOT NULL,
            session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
            kind TEXT NOT NULL,
            emotion TEXT NOT NULL,
            direction TEXT NOT NULL,
            windows INTEGER NOT NULL,
            PRIMARY KEY (quarter, session_id, kind, emotion, direction)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX window_counts_session_id ON window_counts (session_id)",
        f"""
        CREATE TRIGGER windows_counted AFTER INSERT ON windows BEGIN
            INSERT INTO window_counts VALUES (
                {QUARTER.format("new.wall_time")}, new.session_id,
                new.kind, coalesce(new.emotion, ''), coalesce(new.direction, ''), 1
            ) ON CONFLICT DO UPDATE SET windows = windows + 1;
        END
        """,  # noqa: S608 - names of our own
        # Windows from before are counted in steps: a file of a year would keep the program waiting.
        """
        CREATE TABLE uncounted (
            session_id INTEGER PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
            first_clock INTEGER NOT NULL,
            last_clock INTEGER NOT NULL
        )
        """,
        """
        INSERT INTO uncounted SELECT id, 0, last_clock FROM (
            SELECT id, (SELECT max(clock) FROM windows WHERE session_id = id) AS last_clock FROM sessions
        ) WHERE last_clock IS NOT NULL
        """,
    ),
    (
        # What people corrected, with what the model had said of the user's own voice: means over the windows.
        """
        CREATE TABLE corrections (
            session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
            from_clock INTEGER NOT NULL,
            to_clock INTEGER NOT NULL,
            said TEXT,
            meant TEXT,
            wall_time TEXT NOT NULL,
            model_sha256 TEXT NOT NULL,
            windows INTEGER NOT NULL,
            logits BLOB,
            embedding BLOB,
            PRIMARY KEY (session_id, from_clock)
        )
        """,
    ),
)

JOURNAL: Final = Schema(
    name="journal",
    application_id=0x4174746E,  # "Attn"
    migrations=_MIGRATIONS,
    error=JournalError,
    repair="restart Attune, which puts it aside and begins a new one",
    alternative="choose another journal_path",
    full_check_bytes=64 * 2**20,
)
