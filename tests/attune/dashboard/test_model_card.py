from __future__ import annotations

from typing import Any

import pytest

from attune.dashboard.views.model_card import model_card, model_line
from tests.attune.dashboard.fakes import FakeModel


def card(**changes: Any) -> str:
    info: Any = FakeModel(**changes)
    return model_card(info).replace("\N{NO-BREAK SPACE}", " ")


def test_a_model_is_introduced_with_name_licence_and_held_out_figures() -> None:
    text = card()
    assert "attune-emotion-compact 0.1, licence CC BY-NC-SA 4.0, runs on CPU with 2 threads." in text
    assert (
        "On speakers it has never heard its mean recall is 63 % on RAVDESS speech "
        "(it is sure of 42 %, and 89 % of those are right), 61 % on CREMA-D."
    ) in text
    assert "In a language it has never heard its mean recall is 17 % on EmotionTTS (Korean)." in text


def test_figures_without_a_known_split_are_not_told() -> None:
    text = card(metrics={"x": {"split": "train", "ua": 0.99}, "y": 3, "z": {"split": "test", "ua": None}})
    assert "99" not in text
    assert "mean recall" not in text


def test_corpora_left_out_are_told_by_statement_in_either_unit() -> None:
    loco = {
        "nemo": {"right": 70.0, "share": 12.0, "energy_right": 80.0, "energy_share": 40.0},
        "emodb": {"right": 0.9, "share": 0.3, "energy_right": 0.9, "energy_share": 0.6},
    }
    text = card(metrics={"loco": loco, "ravdess_6fold_ua": 75.8, "emodb": {"split": "test", "ua": 0.9}})
    assert "of the emotion in 80 % of 21 % that it is sure of" in text
    assert "of the energy in 85 % of 50 % that it is sure of" in text
    assert "pleasantness" not in text
    assert "90 % on EMO-DB" in text


@pytest.mark.parametrize(
    "loco", [None, 3, {}, {"nemo": 1}, {"nemo": {"energy_right": None, "energy_share": True}}]
)
def test_figures_of_corpora_left_out_that_cannot_be_read_are_not_told(loco: object) -> None:
    assert "left out" not in card(metrics={"loco": loco})


def test_what_the_file_says_is_escaped() -> None:
    text = card(name="<script>", metrics={"<i>": {"split": "test", "ua": 0.5}})
    assert "<script>" not in text
    assert "<i>" not in text


def test_a_line_introduces_a_model_by_what_a_person_would_ask() -> None:
    info: Any = FakeModel(metrics={"loco": {"nemo": {"right": 70.0, "share": 12.0}}})
    line = model_line(info).striptags().replace("\N{NO-BREAK SPACE}", " ")
    assert line == (
        "Model: attune-emotion-compact 0.1. Of recordings unlike those that it learned from, it is sure of "
        "the emotion in 12 %, and right in 70 % of those."
    )
    unmeasured: Any = FakeModel(metrics={})
    assert model_line(unmeasured).striptags() == "Model: attune-emotion-compact 0.1."
