from __future__ import annotations

from typing import Any

from fakes import FakeModel

from dashboard.modelcard import model_card


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


def test_what_the_file_says_is_escaped() -> None:
    text = card(name="<script>", metrics={"<i>": {"split": "test", "ua": 0.5}})
    assert "<script>" not in text
    assert "<i>" not in text
