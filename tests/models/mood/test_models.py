"""Backbone, head, shares and groups: what fits is used, what does not is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from core.errors import ModelError, WeightsError
from core.mood_tags import GROUPS, TAGS
from models import assets
from models.mood.audio_classes import CLASSES_BY_SCORE, AudioClassReader, AudioClassScores
from models.mood.backbone import BATCH, load_backbone
from models.mood.head import load_head
from models.mood.mood_scale import MOODS, mood_weights
from models.mood.patches import PATCH_SAMPLES
from models.mood.tagger import load_tagger
from tests.models.mood_graphs import CLASSES, expected_probabilities, write_backbone, write_head


def noise(patches: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal((patches, PATCH_SAMPLES))).astype(np.float32)


def test_backbone_answers_each_patch_and_says_what_it_is(tmp_path: Path) -> None:
    backbone = load_backbone(write_backbone(tmp_path / "b.onnx"), threads=3)
    heard = backbone.predict(noise(5))
    assert heard.embedding.shape == (5, 1024)
    assert heard.scores.shape == (5, 521)
    np.testing.assert_allclose(heard.embedding[:, 0], np.abs(noise(5)).mean(axis=1), rtol=1e-4)
    assert backbone.info.classes == CLASSES
    assert (backbone.info.name, backbone.info.provider, backbone.info.threads) == ("tiny", "cpu", 3)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_batches_are_answered_in_order_whatever_the_threads(tmp_path: Path, threads: int) -> None:
    backbone = load_backbone(write_backbone(tmp_path / "b.onnx"), threads=threads)
    batches = [noise(BATCH, seed) for seed in range(20)]
    answers = list(backbone.stream(iter(batches)))
    assert len(answers) == len(batches)
    for batch, answer in zip(batches, answers, strict=True):
        np.testing.assert_array_equal(answer.embedding, backbone.predict(batch).embedding)


@pytest.mark.parametrize("threads", [1, 3])
def test_batches_are_drawn_only_a_few_ahead(tmp_path: Path, threads: int) -> None:
    backbone = load_backbone(write_backbone(tmp_path / "b.onnx"), threads=threads)
    drawn = 0

    def batches() -> Iterator[np.ndarray]:
        nonlocal drawn
        for seed in range(100):
            drawn += 1
            yield noise(1, seed)

    stream = backbone.stream(batches())
    next(stream)
    assert drawn < 50
    stream.close()  # type: ignore[attr-defined]


def test_what_goes_wrong_while_batches_are_made_comes_through(tmp_path: Path) -> None:
    backbone = load_backbone(write_backbone(tmp_path / "b.onnx"), threads=2)

    def batches() -> Iterator[np.ndarray]:
        yield noise(2)
        raise OSError("the disk went away")

    with pytest.raises(OSError, match="went away"):
        list(backbone.stream(batches()))
    with pytest.raises(ModelError, match=r"\(2, 7\)"):
        list(backbone.stream(iter([noise(2), np.zeros((2, 7), np.float32), noise(2), noise(2), noise(2)])))


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"classes": None}, "no backbone of this project (metadata: it lacks 'classes')"),
        ({"classes": "Speech"}, "no backbone of this project"),
        ({"patch_samples": "long"}, "no backbone of this project"),
        ({"patch_samples": "48000"}, "wants 48000 samples at 16000 Hz and knows 521 classes: this program"),
        ({"sample_rate_hz": "8000"}, "15600 samples at 8000 Hz"),
        ({"classes": '["Speech"]'}, "knows 1 classes"),
    ],
)
def test_backbones_with_other_metadata_are_refused(
    tmp_path: Path, metadata: dict[str, str | None], words: str
) -> None:
    with pytest.raises(WeightsError) as caught:
        load_backbone(write_backbone(tmp_path / "b.onnx", metadata=metadata))
    assert words in str(caught.value)


def test_backbones_of_another_shape_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="gives out embedding but no scores: export it again"):
        load_backbone(write_backbone(tmp_path / "a.onnx", outputs=["embedding"]))
    with pytest.raises(WeightsError, match=r"answers one patch with \(1, 7\) and \(1, 521\), not with"):
        load_backbone(write_backbone(tmp_path / "b.onnx", embedding_size=7))
    with pytest.raises(WeightsError, match=r"c\.onnx is no backbone that this program can use: .*waveform"):
        load_backbone(write_backbone(tmp_path / "c.onnx", patch_samples=468))


def test_files_that_are_missing_or_of_another_trade_are_refused(tmp_path: Path) -> None:
    for load, setting in ((load_backbone, "mood_backbone"), (load_head, "mood_head")):
        said = rf"gone\.onnx is missing: correct the setting `{setting}`, which names it\."
        with pytest.raises(WeightsError, match=said):
            load(tmp_path / "gone.onnx")
        with pytest.raises(WeightsError, match=r"no (backbone|mood head) of this project"):
            load(assets.locate("voice-activity"))


def test_patches_of_another_shape_or_not_finite_are_refused(tmp_path: Path) -> None:
    backbone = load_backbone(write_backbone(tmp_path / "b.onnx"))
    with pytest.raises(ModelError, match=r"\(1, 100\) came: give \(n, 15600\)"):
        backbone.predict(np.zeros((1, 100), dtype=np.float32))
    with pytest.raises(ModelError, match="'tiny' answered with NaN"):
        backbone.predict(np.full((1, PATCH_SAMPLES), np.nan, dtype=np.float32))


def test_devices_that_are_absent_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"backbone": write_backbone(tmp_path / "b.onnx"), "head": write_head(tmp_path / "h.onnx")}
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ModelError, match="'cuda' is not available on this machine: use cpu, or install"):
        load_tagger(**files, provider="cuda")  # type: ignore[arg-type]


def test_a_device_that_does_not_start_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime says that it has CUDA wherever its build has it, and then runs on the CPU."""
    real = onnxruntime.InferenceSession
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(
        onnxruntime,
        "InferenceSession",
        lambda path, sess_options, **_: real(path, sess_options, providers=["CPUExecutionProvider"]),
    )
    with pytest.raises(ModelError, match="'cuda' does not start on this machine: use cpu"):
        load_backbone(write_backbone(tmp_path / "b.onnx"), provider="cuda")


def test_head_answers_as_its_layer_does(tmp_path: Path) -> None:
    head = load_head(write_head(tmp_path / "h.onnx"))
    embedding = np.random.default_rng(1).random((4, 1024), dtype=np.float32) * 0.1
    np.testing.assert_allclose(head.predict(embedding), expected_probabilities(embedding), atol=1e-5)
    assert head.info.thresholds == (0.5,) * 59
    with pytest.raises(ModelError, match=r"\(4, 7\) came"):
        head.predict(embedding[:, :7])
    with pytest.raises(ModelError, match="'tiny-head' answered with NaN"):
        head.predict(np.full((1, 1024), np.nan, dtype=np.float32))


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"tags": None}, "no mood head of this project"),
        ({"metrics": "?"}, "no mood head of this project"),
        ({"tags": json.dumps(TAGS[::-1])}, "knows 59 tags, uplifting, upbeat, travel...: this program needs"),
        ({"thresholds": "[0.5]"}, "has 1 thresholds"),
        ({"thresholds": json.dumps([0.0] * 59)}, "from 0.0 to 0.0: one above 0"),
    ],
)
def test_heads_with_other_metadata_are_refused(
    tmp_path: Path, metadata: dict[str, str | None], words: str
) -> None:
    with pytest.raises(WeightsError) as caught:
        load_head(write_head(tmp_path / "h.onnx", metadata=metadata))
    assert words in str(caught.value)


def test_heads_of_another_shape_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"answers one embedding with \(1, 58\), not with \(1, 59\)"):
        load_head(write_head(tmp_path / "h.onnx", tags=58))


def test_shares_are_the_highest_score_of_their_classes() -> None:
    scores = np.zeros((3, len(CLASSES)), dtype=np.float32)
    scores[0, CLASSES.index("Musical instrument")] = 0.7
    scores[0, CLASSES.index("Music")] = 0.6
    scores[1, CLASSES.index("Conversation")] = 0.5
    scores[1, CLASSES.index("Choir")] = 0.4
    scores[2, CLASSES.index("Silence")] = 1.0
    shares = AudioClassReader(CLASSES).read(scores)
    np.testing.assert_allclose(shares, [[0.7, 0, 0, 0], [0, 0.5, 0.4, 0], [0, 0, 0, 1]], atol=1e-6)
    assert AudioClassScores.of(shares[2]) == AudioClassScores(music=0.0, speech=0.0, singing=0.0, silence=1.0)
    assert AudioClassScores.of(shares[1]) == AudioClassScores(*shares[1].tolist())
    assert tuple(CLASSES_BY_SCORE) == AudioClassScores.__slots__


def test_backbones_without_a_class_that_shares_need_are_refused() -> None:
    with pytest.raises(WeightsError, match=r"knows no class 'Silence', of 1 that"):
        AudioClassReader([name for name in CLASSES if name != "Silence"])


def test_every_tag_stands_in_one_of_eight_groups() -> None:
    assert len(MOODS) == 8
    assert sorted(tag for tags in GROUPS.values() for tag in tags) == sorted(TAGS)


def test_a_mood_leads_where_its_tags_reach_their_thresholds_best() -> None:
    thresholds = np.linspace(0.05, 0.9, 59).astype(np.float32)
    for mood, tags in GROUPS.items():
        strength = np.array([1.0 if tag in tags else 0.2 for tag in TAGS], dtype=np.float32)
        weights = mood_weights((strength * thresholds)[np.newaxis], thresholds)
        assert weights.shape == (1, 8)
        assert weights.sum() == pytest.approx(1.0, abs=1e-5)
        assert MOODS[int(weights.argmax())] == mood
        assert weights.max() == pytest.approx(1.0 / (1.0 + 7 * 0.2), abs=1e-5)


def test_no_probability_is_no_mood() -> None:
    assert not mood_weights(np.zeros((2, 59), np.float32), np.full(59, 0.5, np.float32)).any()
