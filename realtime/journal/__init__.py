"""The journal of readings, decisions and events on this machine, in SQLite; never of audio."""

from realtime.journal.journal import Journal
from realtime.journal.rows import EventRow, SessionRow, WindowRow

__all__ = ["EventRow", "Journal", "SessionRow", "WindowRow"]
