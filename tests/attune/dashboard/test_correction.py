"""Not right? A click says what it was; what is noted can be taken back; a refusal is said."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.emotions import EMOTIONS, Emotion
from core.errors import JournalError
from realtime.corrections import Stretch
from tests.attune.dashboard.fakes import FakeEngine
from tests.attune.dashboard.tabs import healthy, labels

SCRIPT = (
    "from attune.dashboard.components import correction, page_header\n"
    "context = page_header.open_page('Attune', 'a page')\n"
    "correction.correction(context.engine)\n"
)
ANGRY = Stretch(7, 16_000, 144_000, Emotion.ANGRY)


@pytest.fixture
def tab(invented_context: None) -> AppTest:  # noqa: ARG001
    """A browser tab with nothing but the button, not yet open."""
    return AppTest.from_string(SCRIPT, default_timeout=20)


def opened(tab: AppTest) -> AppTest:
    """The tab with its question open."""
    tab.session_state[f"correction question {tab.session_state['correction turn']}"] = True
    return healthy(tab.run())


def pills(tab: AppTest) -> Any:
    (found,) = tab.get("button_group")
    return found


def text(tab: AppTest) -> str:
    return "\n".join(one.value.replace("\\", "") for one in (*tab.markdown, *tab.caption))


def test_one_click_corrects_what_was_said_when_the_question_was_opened(
    tab: AppTest, engine: FakeEngine
) -> None:
    healthy(tab.run())
    assert not tab.get("button_group")
    engine.corrections.shown = ANGRY
    opened(tab)
    assert "Attune heard: angry." in text(tab)
    assert pills(tab).options == [
        *(one.capitalize() for one in EMOTIONS if one is not Emotion.ANGRY),
        "None of these, just talking",
    ]
    engine.corrections.shown = Stretch(7, 200_000, 200_000, Emotion.CALM)  # somebody goes on talking
    healthy(pills(tab).set_value("sad").run())
    assert engine.corrections.kept == [(ANGRY, Emotion.SAD)]
    assert "Noted: sad, not angry." in text(tab)
    assert not tab.get("button_group")


def test_ordinary_talk_is_none_of_the_eight_and_doubt_can_be_ended(tab: AppTest, engine: FakeEngine) -> None:
    engine.corrections.shown = Stretch(7, 0, 0, None)
    healthy(tab.run())
    opened(tab)
    assert "Attune was unsure." in text(tab)
    assert len(pills(tab).options) == 9
    healthy(pills(tab).set_value("none").run())
    assert engine.corrections.kept == [(engine.corrections.shown, None)]
    assert "Noted: just talking." in text(tab)


def test_what_was_noted_is_taken_back(tab: AppTest, engine: FakeEngine) -> None:
    engine.corrections.shown = ANGRY
    healthy(tab.run())
    opened(tab)
    healthy(pills(tab).set_value("sad").run())
    healthy(tab.button(key="correction undo").click().run())
    assert engine.corrections.kept == []
    assert "Noted" not in text(tab)
    assert "Take it back" not in labels(tab)


def test_where_nothing_was_said_there_is_nothing_to_correct(tab: AppTest) -> None:
    healthy(tab.run())
    opened(tab)
    assert "Nobody has spoken in the last 20 seconds" in text(tab)
    assert not tab.get("button_group")


def test_why_it_cannot_be_kept_is_said(tab: AppTest, engine: FakeEngine) -> None:
    engine.corrections.shown = ANGRY
    engine.corrections.refusal = JournalError("The journal is not in use: switch it on.")
    healthy(tab.run())
    opened(tab)
    healthy(pills(tab).set_value("sad").run())
    assert "The journal is not in use" in tab.error[0].value.replace("\\", "")
    assert "Noted" not in text(tab)
