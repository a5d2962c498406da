"""The test signals and the fingerprint: the same everywhere, and what counts as the same answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import WeightsError
from models.mood.fingerprint import (
    SCORE_TIE,
    Fingerprint,
    mismatches,
    pack,
    read_fingerprint,
    signals,
)

RNG = np.random.default_rng(0)
COUNT = len(signals())
NOISE = [-0.02748931, 0.0005733921, -0.01165997]
LEVELS = [0.0173062, 0.1712169, 0.0707082, 0.0707107, 0.2, 0.1536846, 0.0475556, 0.0057687, 0.0]


def invented() -> Fingerprint:
    """Answers whose five leading classes stand well above the others."""
    embedding = RNG.random((COUNT, 1024), dtype=np.float32)
    scores = 0.1 * RNG.random((COUNT, 521), dtype=np.float32)
    scores[:, 10:15] += np.array([0.5, 0.6, 0.7, 0.4, 0.3], dtype=np.float32)
    return Fingerprint(embedding, scores)


def test_signals_are_patches_within_range_and_none_is_another() -> None:
    made = signals()
    assert list(made) == ["noise", "rumble", "chirp", "tone", "square", "chord", "clicks", "quiet", "silence"]
    for sound in made.values():
        assert sound.shape == (15_600,)
        assert sound.dtype == np.float32
        assert np.abs(sound).max() <= 1.0
    assert not made["silence"].any()
    unlike = np.corrcoef([sound for name, sound in made.items() if name not in ("silence", "quiet")])
    assert np.abs(unlike - np.eye(len(unlike))).max() < 0.7


def test_signals_are_the_same_on_every_machine() -> None:
    """Values that were written down: another noise or another formula would be another fingerprint."""
    made = signals()
    np.testing.assert_allclose(made["noise"][[0, 1, 15_599]], NOISE, rtol=1e-6)
    levels = [float(np.sqrt(np.mean(np.square(sound, dtype=np.float64)))) for sound in made.values()]
    np.testing.assert_allclose(levels, LEVELS, atol=1e-6)


def test_noise_is_white_and_centred() -> None:
    noise = signals()["noise"] / 0.03
    assert abs(noise.mean()) < 0.02
    assert noise.std() == pytest.approx(1 / np.sqrt(3), rel=0.02)
    power = np.abs(np.fft.rfft(noise.astype(np.float64))) ** 2
    bands = power[1:7801].reshape(10, -1).mean(axis=1)
    assert bands.max() / bands.min() < 1.3


def test_same_answers_differ_nowhere() -> None:
    one = invented()
    assert mismatches(one, one) == ()
    assert mismatches(Fingerprint(2.0 * one.embedding, one.scores), one) == ()  # its length is left open


def test_other_embeddings_are_named_with_their_signal() -> None:
    one = invented()
    embedding = one.embedding.copy()
    embedding[2] = embedding[2, ::-1]
    (found,) = mismatches(Fingerprint(embedding, one.scores), one)
    assert found.startswith("chirp: the embedding's cosine is 0.7")


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_embeddings_without_a_direction_are_others(value: float) -> None:
    one = invented()
    blank = Fingerprint(np.full_like(one.embedding, value), one.scores)
    assert len(mismatches(blank, one)) == COUNT


def test_cosine_must_reach_its_limit() -> None:
    one = invented()
    length = np.linalg.norm(one.embedding, axis=1, keepdims=True)
    across = RNG.standard_normal(one.embedding.shape).astype(np.float32)
    across -= (across * one.embedding).sum(axis=1, keepdims=True) / length**2 * one.embedding
    across *= length / np.linalg.norm(across, axis=1, keepdims=True)
    for cosine, known in ((0.9955, True), (0.9945, False)):
        turned = cosine * one.embedding + np.sqrt(1.0 - cosine**2) * across
        assert (not mismatches(Fingerprint(turned, one.scores), one)) is known


def test_five_leading_classes_must_be_the_same_in_any_order() -> None:
    one = invented()
    scores = one.scores.copy()
    scores[0, [10, 12]] = scores[0, [12, 10]]
    assert mismatches(Fingerprint(one.embedding, scores), one) == ()
    scores[3, 400] = 0.95
    assert mismatches(Fingerprint(one.embedding, scores), one) == ("tone: other classes lead",)


def test_which_of_tied_classes_comes_last_is_left_open() -> None:
    one = invented()
    expected = one.scores.copy()
    expected[:, 200] = expected[:, 14] - 0.9 * SCORE_TIE  # as good as the fifth
    expected[:, 201] = expected[:, 14] - 0.02  # not as good
    for rival, known in ((200, True), (201, False)):
        scores = expected.copy()
        scores[:, [14, rival]] = scores[:, [rival, 14]]
        found = mismatches(Fingerprint(one.embedding, scores), Fingerprint(one.embedding, expected))
        assert (not found) is known


def test_only_what_leads_clearly_counts_where_nearly_all_are_tied() -> None:
    """Silence: one class, and nothing for the others."""
    one = invented()
    expected = np.full_like(one.scores, 1e-5)
    expected[:, 494] = 1.0
    scores = 1e-4 * RNG.random(expected.shape, dtype=np.float32)
    scores[:, 494] = 0.9
    assert mismatches(Fingerprint(one.embedding, scores), Fingerprint(one.embedding, expected)) == ()
    scores[:, 494] = 0.0
    assert len(mismatches(Fingerprint(one.embedding, scores), Fingerprint(one.embedding, expected))) == COUNT


def test_fingerprint_is_kept_and_read(tmp_path: Path) -> None:
    one = invented()
    file = tmp_path / "fingerprint.npz"
    file.write_bytes(pack(one))
    assert pack(one) == pack(one)
    kept = read_fingerprint(file)
    assert kept.embedding.dtype == kept.scores.dtype == np.float32
    np.testing.assert_allclose(kept.embedding, one.embedding, atol=5e-4)
    assert mismatches(one, kept) == ()


def test_committed_fingerprint_is_that_of_these_signals() -> None:
    kept = read_fingerprint()
    assert kept.embedding.shape == (COUNT, 1024)
    assert kept.scores.shape == (COUNT, 521)
    assert mismatches(kept, kept) == ()
    ranked = np.sort(kept.scores[:-1], axis=1)
    assert (ranked[:, -5] - ranked[:, -6]).min() > 20 * SCORE_TIE  # no signal but silence is near a tie
    assert int(kept.scores[-1].argmax()) == 494  # Silence


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04", "pickle", "lacking", "shorter"])
def test_fingerprints_that_are_none_are_refused(tmp_path: Path, content: bytes | str) -> None:
    file = tmp_path / "fingerprint.npz"
    one = invented()
    match content:
        case "pickle":
            np.savez(file, embedding=np.array([print], dtype=object), scores=one.scores)
        case "lacking":
            np.savez(file, embedding=one.embedding)
        case "shorter":
            file.write_bytes(pack(Fingerprint(one.embedding[:3], one.scores[:3])))
        case bytes():
            file.write_bytes(content)
    with pytest.raises(
        WeightsError, match=r"fingerprint\.npz (cannot be read|answers 3 signals instead of 9)"
    ):
        read_fingerprint(file)
