"""One track in large: what it is as a whole, its waveform, its moods over time, its theme."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from markupsafe import Markup

from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.feeling_names import mood_name
from attune.dashboard.views.formatting import clock_text, percent
from attune.dashboard.views.html import render
from attune.dashboard.views.mood_timeline import bands, labels, time_marks, timeline_words
from attune.dashboard.views.mood_words import class_words, tag_words
from attune.dashboard.views.track_facts import shown_facts
from models.mood.mood_scale import MOODS
from models.mood.result import NO_MUSIC, SILENT, MoodResult, present_tags, top_tags
from models.mood.result_store import TrackAnalysis
from models.mood.uploaded_track import UploadedTrack
from models.mood.waveform import Outline

_TOP_TAGS: Final = 6
_QUIET_PEAK: Final = 8  # of 255, about -30 dBFS
_MIN_FULL_SHARE: Final = 0.25  # the longest bar of a list stands for at least so much
_NO_THEME: Final = {SILENT: N_("Silent: no theme."), NO_MUSIC: N_("No music: no theme.")}
_NO_MOOD: Final = {SILENT: N_("Silent: no mood."), NO_MUSIC: N_("No music: no mood.")}


def track_card(track: UploadedTrack, analysis: TrackAnalysis) -> Markup:
    """Draw a track.

    Parameters
    ----------
    track
        As the page sees it.
    analysis
        What was found of it.
    """
    result = analysis.result
    tags = top_tags(result.theme, _TOP_TAGS)
    likely = set(present_tags(result, _TOP_TAGS))
    weights = result.theme_moods.tolist()
    order = np.argsort(-result.theme_moods, kind="stable")
    moods = [MOODS[index] for index in order] if result.has_music else []
    return render(
        "track_card",
        name=track.name,
        title=track.title,
        artist=track.artist,
        duration_s=result.duration_s,
        from_cache=analysis.from_cache,
        mood=result.mood,
        no_mood=_(result.no_mood),
        without_theme=_(_NO_THEME.get(result.no_mood, "")),
        without_mood=_(_NO_MOOD.get(result.no_mood, "")),
        heard=class_words(result.mean_class_scores),
        notices=analysis.profile.notices,
        facts=shown_facts(analysis.profile),
        wave=_wave(analysis.outline),
        wave_width=max(1, len(analysis.outline) - 1),
        bands=bands(result),
        labels=labels(result),
        marks=time_marks(result.duration_s),
        words=timeline_words(result),
        theme=[_level(name, share, name in likely, "soft") for name, share in tags],
        full_tag=max(_MIN_FULL_SHARE, *(share for __, share in tags), 0.0),
        moods=[
            _level(mood, weights[MOODS.index(mood)], mood == result.mood, f"mood-{mood}") for mood in moods
        ],
        full_mood=max(_MIN_FULL_SHARE, *weights),
    )


def _level(name: str, share: float, strong: bool, colour: str) -> dict[str, Any]:
    return {"name": mood_name(name), "share": share, "strong": strong, "colour": f"var(--at-{colour})"}


def _wave(outline: Outline) -> str:
    # Its shape is to be seen, also where it is quiet; but not the noise of what is silent.
    full = max(_QUIET_PEAK, int(outline.max()))
    heights = [max(1, round(98 * int(peak) / full)) for peak in outline]
    top = "".join(f"L{place} {100 - height}" for place, height in enumerate(heights))
    bottom = "".join(f"L{place} {100 + heights[place]}" for place in reversed(range(len(heights))))
    return f"M0 100{top}{bottom}Z"


def caption(track: UploadedTrack, result: MoodResult) -> dict[str, Any]:
    """What is written around the timeline when it is saved as a picture."""
    heard = _("heard: {classes}").format(classes=class_words(result.mean_class_scores))
    mood = mood_name(result.mood) if result.mood is not None else _(result.no_mood)
    theme = tag_words(result.theme, _TOP_TAGS) or _(result.no_mood)
    weights = zip(MOODS, result.theme_moods.tolist(), strict=True)
    return {
        "title": " · ".join(part for part in (track.title or track.name, track.artist) if part),
        "subtitle": f"{mood} · {clock_text(result.duration_s)} · {heard}",
        "legend": [[name, f"{mood_name(name)} {percent(weight)}"] for name, weight in weights],
        "theme": _("Theme: {tags}").format(tags=theme),
    }
