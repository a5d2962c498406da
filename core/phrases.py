"""English text that knows what it was put together from, so that it can be said in another language, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from core.text import decimal


class Phrase(str):
    """English text, and a `str` wherever one is wanted, with its template and the values in it.

    Parameters
    ----------
    template
        With places as of `str.format`; without values it is the text itself, and may be a phrase already.
    capital
        Whether it begins a sentence.
    values
        What stands in the places. Numbers have one decimal at most. Another phrase is translated with this
        one; other text, such as a name or a share, stays as it is.

    Attributes
    ----------
    template, capital, values
        As given.

    Examples
    --------
    >>> heard = Phrase("{feeling} was heard for {time} s", feeling=Phrase("happy"), time=4.0)
    >>> Phrase("{heard}, so {playlist} follows.", capital=True, heard=heard, playlist="Sunny")
    'Happy was heard for 4 s, so Sunny follows.'
    """

    template: str
    capital: bool
    values: Mapping[str, str | float]

    def __new__(cls, template: str, *, capital: bool = False, **values: str | float) -> Self:
        """Put the English text together."""
        if isinstance(template, Phrase) and not values:
            values = dict(template.values)
            template = template.template
        shown = {key: value if isinstance(value, str) else decimal(value) for key, value in values.items()}
        text = template.format(**shown) if values else template
        phrase = super().__new__(cls, text[:1].upper() + text[1:] if capital else text)
        phrase.template, phrase.capital, phrase.values = template, capital, values
        return phrase


def sentence(clause: Phrase) -> Phrase:
    """Return a clause as a sentence; one that ends like a sentence already stays as it is."""
    if clause.endswith((".", "!", "?")):
        return Phrase(clause, capital=True)
    return Phrase("{clause}.", capital=True, clause=clause)
