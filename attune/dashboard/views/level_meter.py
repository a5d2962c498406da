"""The level meter: loudness as a bar, the peak as a tick, both in dBFS."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup

from attune.dashboard.translations import gettext as _
from attune.dashboard.views.formatting import NONE, signed
from attune.dashboard.views.html import render
from realtime.snapshot import InputLevel

_FLOOR_DBFS: Final = -60.0


def meter_share(dbfs: float) -> float:
    """Place on the meter, 0 (left) to 1 (right)."""
    return min(1.0, max(0.0, 1.0 - dbfs / _FLOOR_DBFS))


def level_meter(level: InputLevel, *, is_open: bool) -> Markup:
    """Draw the meter; without an open source it rests.

    Parameters
    ----------
    level
        Of the newest sound.
    is_open
        Whether sound comes in.
    """
    if not is_open:
        level, words = InputLevel(), NONE
    elif level.digital_silence or level.rms_dbfs < _FLOOR_DBFS:
        words = _("below {level} dBFS").format(level=signed(_FLOOR_DBFS))
    else:
        words = f"{signed(level.rms_dbfs)} dBFS"
    return render(
        "level_meter",
        words=words,
        shown_dbfs=min(0.0, max(_FLOOR_DBFS, level.rms_dbfs)),
        loudness=meter_share(level.rms_dbfs),
        peak=meter_share(level.peak_dbfs),
        clipping=level.clipping,
    )
