"""Every text of the dashboard is in every catalogue, translated, with the same places to fill in."""

from __future__ import annotations

import re

import pytest

from attune.dashboard.translations import languages
from core.setting_info import SettingInfo
from core.settings import SETTINGS
from scripts.translations import compiled, file, forms, read, template

PLACES = re.compile(r"\{\w*[^}]*\}|%\(\w+\)s|`[^`]*`")
MARKUP = set('<>&"')


def test_the_setting_offers_the_languages_that_there_are() -> None:
    info: SettingInfo = SETTINGS["language"]
    assert set(info.choices) == {"en", "auto", *languages()}


@pytest.mark.parametrize("language", languages())
def test_every_text_is_translated(language: str) -> None:
    told = {(message.context, message.id) for message in template() if message.id}
    catalog = read(language)
    assert {(message.context, message.id) for message in catalog if message.id} == told, (
        "run `python -m scripts.translations`"
    )
    assert [message.id for message in catalog if message.id and not all(forms(message))] == []
    assert [message.id for message in catalog if message.id and message.fuzzy] == []


@pytest.mark.parametrize("language", languages())
def test_the_compiled_catalogue_is_that_of_the_text(language: str) -> None:
    assert file(language).with_suffix(".mo").read_bytes() == compiled(read(language))


@pytest.mark.parametrize("language", languages())
def test_a_translation_fills_in_the_same_and_brings_no_markup(language: str) -> None:
    for message in read(language):
        if not message.id:
            continue
        ids = (message.id,) if isinstance(message.id, str) else tuple(message.id)
        # A singular may say "one" where the plural has the number.
        allowed = [sorted(PLACES.findall(text)) for text in ids]
        for text in forms(message):
            assert sorted(PLACES.findall(text)) in allowed, text
            assert not MARKUP & set(text) - set("".join(ids)), text
