"""The dashboard's texts in the language of a run: English in the code, others in catalogues of gettext."""

from __future__ import annotations

import gettext as catalogues
from collections.abc import Callable
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Final

from core.phrases import Phrase
from core.text import decimal

DOMAIN: Final = "attune"
LOCALE: Final = Path(__file__).with_name("locale")
ENGLISH: Final = "en"
AUTO: Final = "auto"
"""The language that the browser asks for."""
POINT: Final = ("before decimals", ".")
"""What stands before decimals: context and text."""

# Of this run alone: other tabs, which run at the same time, may show another.
_language: ContextVar[str] = ContextVar("language", default=ENGLISH)


def N_(message: str) -> str:  # noqa: N802 - so it is called wherever gettext is used
    """Mark a constant as one to be translated where it is shown."""
    return message


def gettext(message: str) -> str:
    """Translate a text, also one that was put together; one that no catalogue has stays as it is."""
    return _translated(message, _catalogue(_language.get()))


def ngettext(singular: str, plural: str, number: int) -> str:
    """Translate a text that counts, in the form that goes with the number."""
    return _catalogue(_language.get()).ngettext(singular, plural, number)


def pgettext(context: str, message: str) -> str:
    """Translate a text that means more than one thing, told apart by its context."""
    return _catalogue(_language.get()).pgettext(context, message)


def gettext_now() -> Callable[[str], str]:
    """Return what translates into the language of this run, for widgets that ask when it is over."""
    catalogue = _catalogue(_language.get())
    return lambda message: _translated(message, catalogue)


def language() -> str:
    """Return the language of this run."""
    return _language.get()


def use_language(wanted: str, browser: str = "") -> None:
    """Choose the language of this run.

    Parameters
    ----------
    wanted
        As in the settings.
    browser
        What the browser asks for, such as "de-AT"; counts only with `AUTO`.
    """
    code = browser.partition("-")[0].lower() if wanted == AUTO else wanted
    _language.set(code if code in languages() else ENGLISH)


def _translated(message: str, catalogue: catalogues.NullTranslations) -> str:
    if not message:
        return message
    if not isinstance(message, Phrase):
        return catalogue.gettext(message)
    text = catalogue.gettext(message.template)
    if message.values:
        text = text.format(**{key: _value(value, catalogue) for key, value in message.values.items()})
    return text[:1].upper() + text[1:] if message.capital else text


def _value(value: str | float, catalogue: catalogues.NullTranslations) -> str:
    if isinstance(value, Phrase):
        return _translated(value, catalogue)
    return value if isinstance(value, str) else decimal(value).replace(".", catalogue.pgettext(*POINT))


@cache
def languages() -> tuple[str, ...]:
    """Return those that there are catalogues for."""
    return tuple(sorted(folder.name for folder in LOCALE.iterdir() if folder.is_dir()))


@cache
def _catalogue(code: str) -> catalogues.NullTranslations:
    return catalogues.translation(DOMAIN, LOCALE, [code], fallback=True)
