"""What people correct of what was said: kept in the journal, taken back, and learnt from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from core.emotions import Emotion
from core.errors import JournalError
from models.emotion.personal import VoiceClips
from models.emotion.recogniser import ModelInfo
from realtime.corrections import Stretch, stretch_to_correct
from realtime.journal import Journal
from realtime.journal.corrections import CorrectionRow
from realtime.recent_voice import VoiceWindow
from realtime.snapshot import Snapshot

_WRITE_S: Final = 2.0
_OFF: Final = (
    "Corrections are kept in the journal, which is off: switch it on with journal = true in the settings."
)
_LATE: Final = "The journal takes its time, so the correction is not written yet: look again in a moment."


class Corrections:
    """Corrections of the session that runs, and of those before; any thread may use it.

    Parameters
    ----------
    snapshot
        Gives the newest state of the listener.
    voice
        Gives what the model said of the user's own voice between two sample clocks; None where there was
        none, or where others may have spoken.
    journal, model
        Give the journal, None where there is none, and the emotion model in use.
    """

    def __init__(
        self,
        *,
        snapshot: Callable[[], Snapshot],
        voice: Callable[[int, int], VoiceWindow | None],
        journal: Callable[[], Journal | None],
        model: Callable[[], ModelInfo],
    ) -> None:
        self._snapshot = snapshot
        self._voice = voice
        self._journal = journal
        self._model = model

    def stretch(self) -> Stretch | None:
        """What would be corrected now; None where nothing was said just now, or nothing is recorded."""
        return stretch_to_correct(self._snapshot())

    def correct(self, stretch: Stretch, meant: Emotion | None) -> None:
        """Keep what a person says a stretch really was; it may be some seconds old.

        Parameters
        ----------
        stretch
            From `stretch`.
        meant
            What it was; None: none of the eight, such as ordinary talk.

        Raises
        ------
        AttuneError
            There is no journal to keep it in, or it cannot be written.
        """
        journal = self._opened()
        running = self._snapshot().session_id == stretch.session_id
        voice = self._voice(stretch.from_clock, stretch.to_clock) if running else None
        journal.record_correction(stretch, meant, voice=voice, model_sha256=self._model().sha256)
        if not journal.flush(_WRITE_S):
            raise JournalError(journal.error or _LATE)

    def undo(self, session_id: int, from_clock: int) -> None:
        """Take the correction of a stretch back: nothing of it is left.

        Raises
        ------
        JournalError
            It cannot be taken back.
        """
        self._opened().undo_correction(session_id, from_clock)

    def all(self) -> tuple[CorrectionRow, ...]:
        """All corrections, oldest first; none without a journal.

        Raises
        ------
        JournalError
            The journal cannot be read.
        """
        journal = self._journal()
        return () if journal is None else journal.corrections()

    def clips(self) -> VoiceClips | None:
        """What the model in use can learn from: corrections of the user's own voice; None without any.

        Raises
        ------
        AttuneError
            The journal cannot be read, or the model cannot be loaded.
        """
        journal = self._journal()
        return None if journal is None else journal.corrected_clips(self._model().sha256)

    def _opened(self) -> Journal:
        journal = self._journal()
        if journal is None:
            raise JournalError(_OFF)
        return journal
