from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune.catalog.query import WORDS, WordKind, parse_query
from core.errors import CatalogError
from models.mood.mood_scale import MOODS


def asked(text: str) -> list[str]:
    return [str(term) for term in parse_query(text)]


def test_every_word_is_found_as_it_is_written_and_as_its_head_calls_it() -> None:
    for word in WORDS:
        assert asked(word.text) == [word.text]
        if word.kind is not WordKind.PLANE and word.label:
            assert len(asked(word.label)) == 1


def test_the_eight_moods_are_words() -> None:
    assert asked(" ".join(MOODS)) == list(MOODS)


@pytest.mark.parametrize("text", ["hip hop", "Hip-Hop", "HIPHOP", "hip-hop music", "some hip hop songs"])
def test_spelling_does_not_matter(text: str) -> None:
    assert asked(text) == ["hip-hop"]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("calm piano", ["calm", "piano"]),
        ("calm, piano; calm", ["calm", "piano"]),
        ("electric guitar rock 'n' roll", ["electric guitar", "rock 'n' roll"]),
        ("violins and drums", ["violin", "drums"]),
        ("jazz without voice", ["jazz", "no voice"]),
        ("not sad jazz", ["no sad", "jazz"]),
        ("quiet unpleasant", ["quiet", "unpleasant"]),
        ("drum and bass", ["drum and bass"]),
        ("up-tempo pop", ["fast tempo", "pop"]),
    ],
)
def test_a_query_is_read_word_by_word(text: str, terms: list[str]) -> None:
    assert asked(text) == terms


@pytest.mark.parametrize(
    ("text", "span"),
    [("100 bpm", (96.0, 104.0)), ("90-110 BPM", (90.0, 110.0)), ("90 to 110bpm", (90.0, 110.0))],
)
def test_a_tempo_in_numbers_is_a_range(text: str, span: tuple[float, float]) -> None:
    (term,) = parse_query(text)
    assert term.word.kind is WordKind.TEMPO
    assert term.word.tempo_bpm == pytest.approx(span)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("calm pianno", r"'pianno' is not a word.*did you mean 'piano'"),
        ("melancholia", "melancholic"),
        ("qqqq", 'try "calm piano"'),
        ("", "Nothing is asked for"),
        ("the music with", "Nothing is asked for"),
        ("110-90 bpm", "give the lower one first"),
        ("a\x1b[2Jb", r"\\x1b"),
    ],
)
def test_what_is_not_understood_is_said_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(CatalogError, match=sentence) as caught:
        parse_query(text)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        terms = parse_query(text)
    except CatalogError:
        return
    assert terms
