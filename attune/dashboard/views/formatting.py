"""Numbers, durations and moments as people read them."""

from __future__ import annotations

import datetime as dt
from typing import Final

from attune.dashboard.translations import N_, POINT, pgettext
from attune.dashboard.translations import gettext as _
from core import text

MONTHS: Final = (
    N_("January"),
    N_("February"),
    N_("March"),
    N_("April"),
    N_("May"),
    N_("June"),
    N_("July"),
    N_("August"),
    N_("September"),
    N_("October"),
    N_("November"),
    N_("December"),
)
"""In English; `gettext` has the others."""

NONE: Final = "\N{EN DASH}"  # stands where there is no value

percent: Final = text.percent

_MINUS: Final = "\N{MINUS SIGN}"
_SAME_NIGHT: Final = dt.timedelta(hours=18)


def decimal(value: float, decimals: int = 1) -> str:
    """Write a number for people, with at most so many decimals."""
    return text.decimal(value, decimals).replace(".", pgettext(*POINT))


def size_text(size_bytes: int) -> str:
    """Write the size of a file."""
    size, unit = float(size_bytes), "B"
    for larger in ("kB", "MB", "GB"):
        if size < 1000.0:
            break
        size, unit = size / 1000.0, larger
    return f"{decimal(size)} {unit}"


def capitalized(text: str) -> str:
    """Write the first letter large, and leave the others: nouns within keep theirs in German."""
    return text[:1].upper() + text[1:]


def fixed(value: float, decimals: int) -> str:
    """Write a number for a style sheet or a drawing, with so many decimals."""
    return f"{value:.{decimals}f}"


def signed(value: float) -> str:
    """Write a whole number with a proper minus sign."""
    return f"{value:.0f}".replace("-", _MINUS)


def clock_text(seconds: float) -> str:
    """Write a duration as minutes and seconds, or hours, minutes and seconds."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def time_text(seconds: float) -> str:
    """Write a time as people say it, to the minute."""
    minutes = round(seconds / 60.0)
    if minutes == 0:
        return _("under a minute") if seconds > 0.0 else pgettext("length of time", "none")
    hours, minutes = divmod(minutes, 60)
    parts = (f"{hours} h" if hours else "", f"{minutes} min" if minutes else "")
    return " ".join(part for part in parts if part)


def day_text(day: dt.date) -> str:
    """Write a day."""
    weekday, month = short_weekday(day.weekday()), short_month(day.month)
    return _("{weekday} {day} {month} {year}").format(
        weekday=weekday, day=day.day, month=month, year=day.year
    )


def month_text(day: dt.date) -> str:
    """Write the month of a day, and its year."""
    return _("{month} {year}").format(month=_(MONTHS[day.month - 1]), year=day.year)


def short_month(number: int) -> str:
    """Write a month, 1 to 12, in short."""
    return (
        pgettext("short", "Jan"),
        pgettext("short", "Feb"),
        pgettext("short", "Mar"),
        pgettext("short", "Apr"),
        pgettext("short", "May"),
        pgettext("short", "Jun"),
        pgettext("short", "Jul"),
        pgettext("short", "Aug"),
        pgettext("short", "Sep"),
        pgettext("short", "Oct"),
        pgettext("short", "Nov"),
        pgettext("short", "Dec"),
    )[number - 1]


def short_weekday(number: int) -> str:
    """Write a day of the week, 0 for Monday to 6, in short."""
    return (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))[number]


def moment(at_s: float, now_s: float) -> str:
    """Write a moment in local time: the hour, and the day too unless that is plain.

    Parameters
    ----------
    at_s, now_s
        Unix times.
    """
    at, now = dt.datetime.fromtimestamp(at_s), dt.datetime.fromtimestamp(now_s)
    if at.date() == now.date() or abs(at - now) < _SAME_NIGHT:
        return f"{at:%H:%M}"
    if at.year != now.year:
        return f"{at:%Y-%m-%d %H:%M}"
    return _("{day} {month} {time}").format(day=at.day, month=short_month(at.month), time=f"{at:%H:%M}")


def as_time(minutes: int) -> dt.time:
    """Turn minutes of the day, 0 to 1439, into a time."""
    return dt.time(*divmod(minutes, 60))


def as_minutes(time: dt.time) -> int:
    """Turn a time into minutes of the day, 0 to 1439."""
    return 60 * time.hour + time.minute
