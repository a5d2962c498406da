"""Tempo, key, loudness and genre of a track in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from attune.dashboard.translations import gettext as _
from attune.dashboard.translations import pgettext
from attune.dashboard.views.formatting import NONE, decimal, percent
from attune.dashboard.views.track_names import genre_name, key_name
from models.track.profile import TrackProfile

_GENRES: Final = 3
_SURE_FROM: Final = 0.5
_MINUS: Final = "\N{MINUS SIGN}"
_NOBREAK: Final = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class ShownFact:
    """One fact of a track."""

    name: str
    value: str
    aside: str = ""  # how sure it is, or what else it may be


def shown_facts(profile: TrackProfile) -> list[ShownFact]:
    """Say what a track is in four facts; what is not known is a dash, and nothing is said without music."""
    facts = [] if not profile.mood.has_music else [_tempo(profile), _key(profile)]
    facts.append(ShownFact(_("Loudness"), loudness_text(profile.loudness_lufs)))
    if profile.mood.has_music:
        facts.append(_genre(profile))
    return facts


def loudness_text(lufs: float | None) -> str:
    """Write a loudness; a dash where it is not known."""
    if lufs is None:
        return NONE
    return f"{decimal(lufs).replace('-', _MINUS)}{_NOBREAK}LUFS"


def tempo_text(bpm: float | None) -> str:
    """Write a tempo to the beat; a dash where it is not known."""
    return NONE if bpm is None else _("{bpm} BPM").format(bpm=f"{bpm:.0f}").replace(" ", _NOBREAK)


def _tempo(profile: TrackProfile) -> ShownFact:
    rhythm = profile.rhythm
    if rhythm is None or rhythm.tempo_bpm is None:
        return ShownFact(_("Tempo"), NONE)
    half, double = rhythm.alternatives_bpm or (rhythm.tempo_bpm / 2.0, 2.0 * rhythm.tempo_bpm)
    others = _("or {half} or {double}").format(half=f"{half:.0f}", double=f"{double:.0f}")
    return ShownFact(_("Tempo"), tempo_text(rhythm.tempo_bpm), f"{_sure(rhythm.confidence)}, {others}")


def _key(profile: TrackProfile) -> ShownFact:
    if profile.key is None:
        return ShownFact(_("Key"), NONE)
    return ShownFact(_("Key"), key_name(profile.key_name), _sure(profile.key.confidence))


def _sure(confidence: float) -> str:
    words = pgettext("fact", "{share} sure") if confidence >= _SURE_FROM else _("unsure, {share}")
    return words.format(share=percent(confidence))


def _genre(profile: TrackProfile) -> ShownFact:
    genres = profile.genres
    if genres is None:
        return ShownFact(_("Genre"), NONE)
    shares = dict(genres.top(_GENRES))
    names = genres.present(_GENRES)
    asides = ", ".join(percent(shares[name]) for name in names)
    return ShownFact(_("Genre"), ", ".join(map(genre_name, names)), asides)
