"""What was heard and decided, kept on this machine: an SQLite journal of events, never of audio."""

from realtime.journal.journal import Journal
from realtime.journal.rows import EventRow, SessionRow, WindowRow

__all__ = ["EventRow", "Journal", "SessionRow", "WindowRow"]
