"""Owns how the music beside the voice looks on the Live page: pure functions from a `Snapshot` to markup."""

from __future__ import annotations

from typing import Final

from dashboard.markup import Markup, tag
from models.mood.groups import MOODS
from models.mood.shares import Shares
from realtime.mood import ROLLING_S
from realtime.snapshot import ListenerState, MoodReading, RollingTheme, Snapshot

__all__ = ["music"]

_NONE: Final = "\N{EN DASH}"
_SHARES: Final = ("music", "singing", "speech", "silence")
_TAGS: Final = 4
_MINUTE_S: Final = 60.0


def music(snapshot: Snapshot) -> Markup:
    """Draw what is heard of the music: four scores, and the mood of the last seconds.

    Parameters
    ----------
    snapshot
        What to show.
    """
    mood = snapshot.mood if snapshot.state is ListenerState.LISTENING else None
    if mood is None and snapshot.mood_error:
        body = tag("p", snapshot.mood_error, class_="detail")
    else:
        body = tag("div", _shares(mood), *_themes(mood), class_="heard")
    return tag(
        "section",
        tag("h2", "Music", tag("span", "mood of what plays, not of who speaks", class_="aside")),
        body,
        class_="card music" if mood is not None else "card music idle",
        aria_label="Music",
    )


def _shares(mood: MoodReading | None) -> Markup:
    """The newest patch's scores as bars."""
    newest = mood.shares[-1] if mood is not None and mood.shares else None
    return tag(
        "div",
        *(_share(name, newest) for name in _SHARES),
        class_="shares",
        role="list",
        aria_label="What is heard, newest second",
    )


def _share(name: str, newest: Shares | None) -> Markup:
    value = 0.0 if newest is None else float(getattr(newest, name))
    words = _NONE if newest is None else f"{100 * value:.0f} %"
    return tag(
        "div",
        tag("span", name.capitalize(), class_="name"),
        tag(
            "span",
            tag("span", class_="fill", style=f"transform:scaleX({value:.3f})"),
            class_="track",
            aria_hidden="true",
        ),
        tag("span", words, class_="value"),
        class_="share",
        role="listitem",
        data_testid=f"share-{name}",
    )


def _themes(mood: MoodReading | None) -> list[Markup]:
    themes = [RollingTheme(seconds, (), ()) for seconds in ROLLING_S] if mood is None else mood.themes
    return [_theme(theme, heard=mood is not None) for theme in themes]


def _theme(theme: RollingTheme, *, heard: bool) -> Markup:
    """The leading mood in large, the eight as one bar, the likeliest tags."""
    title = "Last minute" if theme.seconds == _MINUTE_S else f"Last {theme.seconds:.0f} s"
    parts = theme.moods
    if parts:
        words = MOODS[max(range(len(MOODS)), key=parts.__getitem__)].capitalize()
        tags = ", ".join(name for name, _ in theme.tags[:_TAGS])
    else:
        words, tags = _NONE, "no music" if heard else "nothing to hear yet"
    said = ", ".join(f"{name} {share:.0%}" for name, share in zip(MOODS, parts, strict=False))
    return tag(
        "div",
        tag("span", title, class_="label"),
        tag("strong", words, class_="mood"),
        tag(
            "span",
            *(
                tag("i", style=f"flex-grow:{share:.3f};background:var(--at-mood-{name})", title=name)
                for name, share in zip(MOODS, parts, strict=False)
            ),
            class_="blend",
            role="img",
            aria_label=said or "no mood",
        ),
        tag("span", tags, class_="tags"),
        class_="theme",
    )
