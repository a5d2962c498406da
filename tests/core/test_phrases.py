from __future__ import annotations

import copy
import json
import pickle
import sqlite3

from core.phrases import Phrase, sentence

HEARD = Phrase("{feeling} was heard for {time} s", feeling=Phrase("happy"), time=3.96)
WHOLE = Phrase("{heard}, so {playlist} follows.", capital=True, heard=HEARD, playlist="{Sunny} 100 %")


def test_a_phrase_is_its_english_text() -> None:
    assert WHOLE == "Happy was heard for 4 s, so {Sunny} 100 % follows."
    assert HEARD == "happy was heard for 4 s"
    assert Phrase("{not a place}") == "{not a place}"
    assert json.dumps([WHOLE]) == json.dumps([str(WHOLE)])
    with sqlite3.connect(":memory:") as database:
        assert database.execute("SELECT ?", (WHOLE,)).fetchone() == (WHOLE,)


def test_copies_know_what_they_were_put_together_from() -> None:
    for other in (copy.deepcopy(WHOLE), pickle.loads(pickle.dumps(WHOLE))):
        assert other == WHOLE
        assert (other.template, other.capital, other.values) == (WHOLE.template, True, WHOLE.values)
        assert other.values["heard"].template == HEARD.template


def test_a_sentence_ends_once() -> None:
    assert sentence(Phrase("a call is on")) == "A call is on."
    asked = Phrase("the player cannot play: {why}", why=Phrase("sign in again!"))
    assert sentence(asked) == "The player cannot play: sign in again!"
    assert sentence(asked).values == asked.values


def test_a_phrase_of_a_phrase_knows_its_values() -> None:
    again = Phrase(HEARD, capital=True)
    assert again == "Happy was heard for 4 s"
    assert (again.template, again.values) == (HEARD.template, HEARD.values)
