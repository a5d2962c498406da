"""How far two networks agree, on networks whose agreement is known; ESC-10 by mapped classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import DataError
from tests.training.invented_yamnet import CLASSES
from training.yamnet.agreement import ESC_CLASSES, PATCH_SAMPLES, _patches_of, agreement, esc_accuracy

Floats = NDArray[np.float32]
Network = Callable[[Floats], tuple[Floats, Floats]]
RNG = np.random.default_rng(0)
MIX = RNG.standard_normal((60, 1024)).astype(np.float32)
TO_SCORES = RNG.standard_normal((1024, 521)).astype(np.float32)
TO_TAGS = RNG.standard_normal((1024, 59)).astype(np.float32)


def listener(patches: Floats) -> tuple[Floats, Floats]:
    """A network of its own: loudness of sixty parts of a patch, mixed."""
    embedding = np.abs(patches.reshape(len(patches), 60, 260)).mean(axis=2) @ MIX
    return embedding, 1.0 / (1.0 + np.exp(-embedding @ TO_SCORES / 50.0))


def tags(embedding: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-embedding @ TO_TAGS / 30.0))


def noises(count: int = 12) -> list[Floats]:
    rng = np.random.default_rng(1)
    envelopes = rng.random((count, 60)).repeat(260, axis=1)
    return list((envelopes * rng.standard_normal((count, PATCH_SAMPLES))).astype(np.float32))


def numbered(count: int) -> list[Floats]:
    """One patch each, which says which it is."""
    return [np.full(PATCH_SAMPLES, number, dtype=np.float32) for number in range(count)]


def says(embeddings: NDArray[np.float64], scores: NDArray[np.float64] | None = None) -> Network:
    """A network that knows the answers to `numbered` recordings by heart."""
    given = np.zeros((len(embeddings), 521)) if scores is None else scores

    def network(patches: Floats) -> tuple[Floats, Floats]:
        rows = patches[:, 0].astype(int)
        return embeddings[rows].astype(np.float32), given[rows].astype(np.float32)

    return network


def test_a_network_agrees_with_itself() -> None:
    record = agreement(listener, listener, noises(), tags)
    assert record["student"] == pytest.approx(
        {"cosine": 1.0, "patch_cosine": 1.0, "spearman": 1.0, "top5": 1.0, "class_top5": 1.0}, abs=1e-4
    )
    assert (record["recordings"], record["patches"]) == (12, 12)


def test_who_always_says_the_same_is_right_as_often_as_the_constant_predictor() -> None:
    recordings = noises(40)
    middle, usual = (answer.mean(axis=0) for answer in listener(np.stack(recordings)))

    def constant(patches: Floats) -> tuple[Floats, Floats]:
        return np.repeat(middle[None], len(patches), axis=0), np.repeat(usual[None], len(patches), axis=0)

    record = agreement(constant, listener, recordings, tags)
    assert record["constant"]["cosine"] == record["constant"]["spearman"] == 0.0
    assert abs(record["student"]["patch_cosine"]) < 0.1  # of what rounding leaves
    assert abs(record["student"]["spearman"]) < 0.1
    assert record["student"]["class_top5"] == record["constant"]["class_top5"]
    assert record["student"]["top5"] == pytest.approx(record["constant"]["top5"], abs=0.1)
    assert 0.0 < record["constant"]["top5"] < 1.0


def test_who_answers_of_another_recording_agrees_no_better_than_chance() -> None:
    recordings = noises(60)
    answers = [listener(sound[None]) for sound in recordings]
    embeddings, scores = (np.concatenate(part).astype(np.float64) for part in zip(*answers, strict=True))
    order = np.random.default_rng(2).permutation(60)
    right, shuffled = says(embeddings, scores), says(embeddings[order], scores[order])
    record = agreement(shuffled, right, numbered(60), tags)
    assert abs(record["student"]["cosine"]) < 0.1
    assert abs(record["student"]["spearman"]) < 0.15
    assert record["student"]["top5"] < record["constant"]["top5"]
    assert agreement(right, right, numbered(60), tags)["student"]["cosine"] == 1.0


@pytest.mark.parametrize("degrees", [0, 60, 90, 180])
def test_cosines_are_of_what_departs_from_the_mean(degrees: int) -> None:
    """What all recordings share says nothing, however large it is."""
    axes, shared = np.eye(1024)[:3], np.full(1024, 7.0)
    away = np.stack([axes[0], -axes[0], axes[1], -axes[1]])
    turned = np.cos(np.radians(degrees)) * away + np.sin(np.radians(degrees)) * axes[2]
    record = agreement(says(shared + 3.0 * turned), says(shared + away), numbered(4), tags)
    expected = pytest.approx(np.cos(np.radians(degrees)), abs=1e-3)
    assert record["student"]["cosine"] == expected
    assert record["student"]["patch_cosine"] == expected


def test_ranks_are_compared_tag_by_tag_over_recordings() -> None:
    """A student that is off by any rising curve has the same ranks; one that falls has the opposite."""
    levels = np.linspace(-1.0, 1.0, 8)
    line, first = np.zeros((8, 1024)), np.zeros((1024, 59))
    line[:, 0], first[0] = levels, 1.0

    def squashed(embedding: Floats) -> Floats:
        return (embedding @ first).astype(np.float32)

    for bend, expected in ((levels**3, 1.0), (-levels, -1.0), (np.zeros(8), 0.0)):
        bent = line.copy()
        bent[:, 0] = bend
        record = agreement(says(bent), says(line), numbered(8), squashed)
        assert record["student"]["spearman"] == expected
    some = first.copy()
    some[0, 30:] = 0.0  # tags that never move have no ranks: they count as not agreeing
    record = agreement(says(line), says(line), numbered(8), lambda e: (e @ some).astype(np.float32))
    assert record["student"]["spearman"] == pytest.approx(30 / 59, abs=1e-4)


def test_the_five_likeliest_are_compared_whatever_their_order() -> None:
    scores, other = np.zeros((4, 521)), np.zeros((4, 521))
    scores[:, [1, 2, 3, 4, 5]] = [0.9, 0.8, 0.7, 0.6, 0.5]
    other[:, [5, 4, 3, 100, 200]] = [0.9, 0.8, 0.7, 0.6, 0.5]
    embeddings = np.eye(1024)[:4]
    record = agreement(says(embeddings, other), says(embeddings, scores), numbered(4), tags)
    assert record["student"]["class_top5"] == 0.6
    assert record["constant"]["class_top5"] == 1.0  # here the reference, too, always says the same


def test_long_recordings_are_heard_whole_in_parts_and_count_as_one() -> None:
    heard: list[int] = []

    def noted(patches: Floats) -> tuple[Floats, Floats]:
        heard.append(len(patches))
        return listener(patches)

    rng = np.random.default_rng(3)
    sounds = [
        rng.standard_normal(samples).astype(np.float32)
        for samples in (1, 15_600, 15_601, 16 * 15_360, 600_000)
    ]
    record = agreement(noted, listener, sounds, tags)
    assert record["patches"] == sum(heard) == 1 + 1 + 2 + 16 + 40
    assert max(heard) <= 17
    assert record["recordings"] == 5
    assert record["student"]["patch_cosine"] == pytest.approx(1.0, abs=1e-4)


def test_what_is_left_over_is_padded_with_silence() -> None:
    sound = np.ones(15_601, dtype=np.float32)
    patches = _patches_of(sound)
    assert patches.shape == (2, PATCH_SAMPLES)
    assert patches[1].sum() == 15_601 - 15_360
    assert _patches_of(np.zeros(0, dtype=np.float32)).shape == (1, PATCH_SAMPLES)


@pytest.mark.parametrize("count", [0, 2])
def test_too_few_recordings_are_refused(count: int) -> None:
    with pytest.raises(DataError, match=f"{count} recordings are too few to compare on: give three at least"):
        agreement(listener, listener, noises(count), tags)


def naming(*rows: dict[str, float]) -> Network:
    """A network whose scores of `numbered` patches are given by name."""
    scores = np.zeros((len(rows), 521))
    for row, named in enumerate(rows):
        for name, score in named.items():
            scores[row, CLASSES.index(name)] = score
    return says(np.zeros((len(rows), 1024)), scores)


def esc(network: Network, truth: Sequence[str]) -> float:
    return esc_accuracy(network, numbered(len(truth)), truth, CLASSES)


def test_every_class_of_esc_10_is_found_by_each_of_its_names() -> None:
    assert len(ESC_CLASSES) == 10
    pairs = [(kind, name) for kind, names in ESC_CLASSES.items() for name in names]
    network = naming(*({name: 0.3} for _, name in pairs))
    assert esc(network, [kind for kind, _ in pairs]) == 1.0
    assert esc(network, ["rain"] * len(pairs)) == pytest.approx(3 / len(pairs))


def test_only_the_ten_compete_and_each_by_its_best_name() -> None:
    network = naming(
        {"class 7": 1.0, "Bark": 0.2, "Rain": 0.1},
        {"Dog": 0.4, "Bark": 0.4, "Rain": 0.5},
        {"Clock": 0.1, "Tick": 0.1, "Tick-tock": 0.3, "Fire": 0.2},
    )
    assert esc(network, ["dog_bark", "rain", "clock_tick"]) == 1.0
    assert esc(network, ["dog_bark", "dog_bark", "fire_crackling"]) == pytest.approx(1 / 3)


def test_a_recording_is_named_by_the_mean_of_its_patches() -> None:
    sound = np.zeros(3 * 15_360, dtype=np.float32)
    sound[15_360:] = 1.0
    network = naming({"Rain": 0.9}, {"Dog": 0.5})
    assert esc_accuracy(network, [sound], ["dog_bark"], CLASSES) == 1.0  # 0.30 of rain, 0.33 of dogs
    assert esc_accuracy(network, [sound[: 2 * 15_360]], ["rain"], CLASSES) == 1.0


def test_names_of_classes_are_those_of_audioset() -> None:
    """As YAMNet's class map spells them."""
    assert {name for names in ESC_CLASSES.values() for name in names} == {
        "Baby cry, infant cry",
        "Bark",
        "Chainsaw",
        "Chicken, rooster",
        "Clock",
        "Crackle",
        "Crowing, cock-a-doodle-doo",
        "Crying, sobbing",
        "Dog",
        "Fire",
        "Helicopter",
        "Ocean",
        "Rain",
        "Rain on surface",
        "Raindrop",
        "Sneeze",
        "Tick",
        "Tick-tock",
        "Waves, surf",
    }
