"""A student of the whole YAMNet, in few steps: where it begins, what it is told, how it goes on and ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.errors import DataError, WeightsError
from tests.training.invented_yamnet import invented_layers, invented_yamnet
from tests.training.running import broken_off
from training import loop
from training.yamnet import distil
from training.yamnet.distil import DistilSettings, _StudentLayers, distil_layers
from training.yamnet.network import Yamnet, YamnetLogMel, window_samples
from training.yamnet.recordings import PieceSettings, random_windows

QUICK = DistilSettings(
    steps=4,
    still_steps=2,
    steps_per_epoch=3,
    batch=2,
    n_frames=96,
    apart=0.5,
    threads=1,
    pieces=PieceSettings(mixed_share=0.3),
)


@pytest.fixture(scope="module")
def teacher() -> Yamnet:
    return invented_yamnet()


@pytest.fixture(scope="module")
def recordings() -> list[NDArray[np.float32]]:
    rng = np.random.default_rng(0)
    time_s = np.arange(24_000) / 16_000
    return [
        (np.sin(2 * np.pi * hz * time_s) * rng.standard_normal(24_000)).astype(np.float32)
        for hz in range(200, 2200, 100)
    ]


@pytest.fixture(autouse=True)
def _few_are_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distil, "_VALIDATION_FRAMES", 3 * 96)


@pytest.fixture(scope="module")
def log_mels(recordings: list[NDArray[np.float32]]) -> Tensor:
    sound = random_windows(np.random.default_rng(7), recordings, 4, window_samples(96), peak=0.5)
    return YamnetLogMel()(torch.from_numpy(sound))[:, None]


def students(layers: int = 14, seed: int = 1) -> _StudentLayers:
    torch.manual_seed(seed)
    return _StudentLayers(layers, with_classes=layers == 14)


def like_its_teacher(teacher: Yamnet, *but: int) -> _StudentLayers:
    """A student that answers as its teacher does, but for some layers."""
    student: Any = students()
    for name in student.names:
        own, taught = student.get_submodule(name), teacher.get_submodule(name)
        if int(name.removeprefix("conv").removeprefix("dw").removeprefix("pw")) not in but:
            own.load_state_dict(taught.state_dict()) if own.kernel_size == (1, 1) else _imitate(own, taught)
        student.get_submodule(f"norm_{name}").running_var.fill_(1.0 - 1e-5)  # norms that change nothing
    student.fc.load_state_dict(teacher.fc.state_dict())
    return student.eval()  # type: ignore[no-any-return]


def _imitate(own: Any, taught: Any) -> None:
    own.weight = taught.weight.data  # goes through the cosines
    own.bias.data.copy_(taught.bias)


def watch_training(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, float]]:
    """The curves of trainings from here on, one row an epoch."""
    seen: list[Mapping[str, float]] = []
    monkeypatch.setattr(
        loop, "open_tensorboard_log", lambda *_args, **_more: lambda figures, _step: seen.append(figures)
    )
    return seen


def test_kernels_are_the_sums_of_their_cosines() -> None:
    waves = distil._CosineKernels()
    kernels = torch.randn(5, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(waves(waves.right_inverse(kernels)), kernels)
    torch.testing.assert_close(waves.basis @ waves.basis.T, torch.eye(9))
    assert torch.allclose(waves.basis[0], torch.full((9,), 1 / 3))  # the first is the mean


def test_every_layer_begins_with_mean_and_spread_of_the_reference(teacher: Yamnet, log_mels: Tensor) -> None:
    student = students().train()
    distil._start_at_level(student, teacher, log_mels)
    shown = log_mels
    with torch.no_grad():
        for number in range(1, 15):
            drive, own = teacher.pre_activation(number, shown), student.pre_activation(number, shown)
            shown = torch.relu(drive)
            for measure in (torch.mean, torch.std):
                wanted, got = measure(drive, dim=(0, 2, 3)), measure(own, dim=(0, 2, 3))
                assert float((got - wanted).abs().mean() / wanted.abs().mean()) < 0.05


def test_a_student_without_its_norms_answers_alike(teacher: Yamnet, log_mels: Tensor) -> None:
    student = students()
    distil._start_at_level(student, teacher, log_mels)
    with torch.no_grad():
        for part in student.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.uniform_(-0.2, 0.2)  # type: ignore[union-attr]
                part.running_var.uniform_(0.5, 2.0)  # type: ignore[union-attr]
        nn.init.normal_(student.fc.bias)  # type: ignore[union-attr]
    folded, said = student.folded(), log_mels
    assert isinstance(folded, Yamnet)
    assert not folded.training
    assert not any(value.requires_grad for value in folded.parameters())
    assert folded.state_dict().keys() == teacher.state_dict().keys()
    with torch.no_grad():
        for number in range(1, 15):
            said = student.layer(number, said)
        logits = student.fc(said.mean(dim=(2, 3)))  # type: ignore[misc]
        embedding, scored = folded(log_mels[:, 0])
    torch.testing.assert_close(embedding, said.mean(dim=(2, 3)), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(scored, logits, atol=1e-4, rtol=1e-4)


def test_a_student_of_some_layers_has_no_classes(
    recordings: list[NDArray[np.float32]], tmp_path: Path
) -> None:
    settings = replace(QUICK, n_layers=2, steps=2, still_steps=1)
    student = distil_layers(invented_layers(3), recordings, tmp_path, settings, identity="x")
    assert type(student).__name__ == "YamnetLayers"
    assert student.n_layers == 2


def test_who_answers_as_the_reference_is_at_no_distance(teacher: Yamnet, log_mels: Tensor) -> None:
    units = distil._scales(teacher, log_mels, 14)
    student = like_its_teacher(teacher)
    with torch.no_grad():
        shown = torch.sigmoid(teacher(log_mels[:, 0])[1])
        least = float(nn.functional.binary_cross_entropy(shown, shown))
        for apart in (True, False):
            distance = float(distil._distance(student, teacher, log_mels, units, layerwise=apart))
            assert distance == pytest.approx(distil._CLASSES_WEIGHT * least, abs=0.2)  # beside 20 and more
    seen = distil._validate(student, teacher, log_mels, units)
    assert seen["explained"] == pytest.approx(1.0, abs=1e-4)
    assert seen["cosine"] == pytest.approx(1.0, abs=1e-4)


def test_apart_a_layer_does_not_suffer_from_those_below(teacher: Yamnet, log_mels: Tensor) -> None:
    units = distil._scales(teacher, log_mels, 14)
    wrong = like_its_teacher(teacher, 3)
    right = like_its_teacher(teacher)
    with torch.no_grad():
        own = wrong.pre_activation(3, teacher.layer(2, teacher.layer(1, log_mels)))
        drive = teacher.pre_activation(3, teacher.layer(2, teacher.layer(1, log_mels)))
        gap = float(((distil._leak(own) - distil._leak(drive)) / units.layers[2]).square().mean())
        at_best = float(distil._distance(right, teacher, log_mels, units, layerwise=True))
        apart = float(distil._distance(wrong, teacher, log_mels, units, layerwise=True))
        joint = float(distil._distance(wrong, teacher, log_mels, units, layerwise=False))
    assert apart == pytest.approx(at_best + gap, rel=0.02)
    assert joint > apart + gap


def test_apart_no_layer_learns_for_another(teacher: Yamnet, log_mels: Tensor) -> None:
    units = distil._scales(teacher, log_mels, 14)
    student = like_its_teacher(teacher, 14)
    for apart in (True, False):
        student.zero_grad()
        distil._distance(student, teacher, log_mels, units, layerwise=apart).backward()  # type: ignore[no-untyped-call]
        felt = float(student.get_submodule("pw13").weight.grad.abs().max())  # type: ignore[union-attr]
        assert (felt < 1e-3) == apart


def test_layers_learn_apart_then_in_a_row_then_with_norms_that_stand_still(
    teacher: Yamnet,
    recordings: list[NDArray[np.float32]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[tuple[bool, bool]] = []
    whole = distil._distance

    def noted(student: Any, *rest: Any, layerwise: bool) -> Tensor:
        calls.append((layerwise, student.training))
        return whole(student, *rest, layerwise=layerwise)

    monkeypatch.setattr(distil, "_distance", noted)
    student = distil_layers(teacher, recordings, tmp_path, QUICK, identity="x")
    assert calls == [(True, True)] * 2 + [(False, True)] * 2 + [(False, False)] * 2
    assert isinstance(student, Yamnet)


def test_rates_rise_and_fall_in_both_parts() -> None:
    settings = QUICK
    cycles = [(100, settings.peak_rate), (50, settings.still_rate)]
    rates = np.array([loop._rate(step, cycles) for step in range(150)])
    assert rates[:100].max() == pytest.approx(settings.peak_rate, rel=0.02)
    assert rates[100:].max() == pytest.approx(settings.still_rate, rel=0.02)
    assert (rates > 0).all()
    assert rates[0] < 0.05 * settings.peak_rate
    assert rates[99] < 0.01 * settings.peak_rate
    assert rates[149] < 0.01 * settings.still_rate


def test_the_distance_falls(
    teacher: Yamnet,
    recordings: list[NDArray[np.float32]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = watch_training(monkeypatch)
    settings = replace(QUICK, steps=24, still_steps=1, steps_per_epoch=6, apart=1.0, peak_rate=5e-3)
    distil_layers(teacher, recordings, tmp_path, settings, identity="x")
    losses = [row["student/loss"] for row in seen]
    assert len(losses) == 5
    assert losses[3] < 0.8 * losses[0]


def test_an_interrupted_student_goes_on_to_the_same_weights(
    teacher: Yamnet,
    recordings: list[NDArray[np.float32]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = distil_layers(teacher, recordings, tmp_path / "whole", QUICK, identity="x").state_dict()
    again = tmp_path / "again"
    with broken_off(monkeypatch):
        distil_layers(teacher, recordings, again, QUICK, identity="x")
    resumed = distil_layers(teacher, recordings, again, QUICK, identity="x").state_dict()
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())
    finished = distil_layers(teacher, recordings, again, QUICK, identity="x").state_dict()
    assert all(torch.equal(value, finished[name]) for name, value in whole.items())
    for identity, settings in (("y", QUICK), ("x", replace(QUICK, seed=1)), ("x", replace(QUICK, peak=0.9))):
        with pytest.raises(WeightsError, match="other settings or data: give another folder"):
            distil_layers(teacher, recordings, again, settings, identity=identity)


def test_a_loss_that_is_no_number_ends_in_one_sentence(
    teacher: Yamnet, recordings: list[NDArray[np.float32]], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"The loss became (nan|inf) in epoch 1: lower the rate"):
        distil_layers(teacher, recordings, tmp_path, replace(QUICK, peak_rate=1e30), identity="x")
    assert not (tmp_path / "checkpoint.pt").exists()


def test_a_damaged_checkpoint_is_named(
    teacher: Yamnet, recordings: list[NDArray[np.float32]], tmp_path: Path
) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"no checkpoint")
    with pytest.raises(WeightsError, match=r"checkpoint\.pt is damaged: delete it"):
        distil_layers(teacher, recordings, tmp_path, QUICK, identity="x")
