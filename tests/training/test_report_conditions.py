"""What happens to a voice on its way: levels, bands and tails that are known beforehand."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from invented_corpus import encoded_tone

from core.errors import DataError
from models.training.report.conditions import (
    CONDITIONS,
    add_noise,
    opus,
    pink_noise,
    play_on,
    read_recordings,
    reverberate,
    telephone,
)

RATE_HZ = 16_000
WINDOW = 48_000


def tone(pitch_hz: float, level: float = 0.2) -> np.ndarray:
    return (level * np.sin(2 * np.pi * pitch_hz * np.arange(WINDOW) / RATE_HZ)).astype(np.float32)


def power(audio: np.ndarray) -> float:
    return float(np.mean(np.square(audio, dtype=np.float64)))


@pytest.mark.parametrize("snr_db", [20.0, 5.0])
def test_noise_has_the_asked_level_below_the_voice_and_not_below_its_pauses(snr_db: float) -> None:
    voice = tone(200.0)
    voice[: WINDOW // 2] = 0.0
    noise = pink_noise(WINDOW, np.random.default_rng(0))
    added = add_noise(voice, noise, snr_db) - voice
    assert 10 * np.log10(power(voice[WINDOW // 2 :]) / power(added)) == pytest.approx(snr_db, abs=0.1)


def test_pink_noise_has_equal_power_in_each_octave() -> None:
    spectrum = np.abs(np.fft.rfft(pink_noise(2**18, np.random.default_rng(0)))) ** 2
    frequency_hz = np.fft.rfftfreq(2**18, 1 / RATE_HZ)
    octaves = [spectrum[(frequency_hz >= low) & (frequency_hz < 2 * low)].sum() for low in (200, 800, 3200)]
    assert max(octaves) / min(octaves) < 1.1


@pytest.mark.parametrize(
    ("pitch_hz", "passes"), [(100.0, False), (1000.0, True), (3900.0, False), (6000.0, False)]
)
def test_telephone_passes_its_band_alone(pitch_hz: float, passes: bool) -> None:
    share = power(telephone(tone(pitch_hz))) / power(tone(pitch_hz))
    assert share > 0.98 if passes else share < 1e-3


def test_opus_keeps_length_and_pitch() -> None:
    coded = opus(tone(440.0))
    assert coded.shape == (WINDOW,)
    assert np.abs(np.fft.rfft(coded)).argmax() * RATE_HZ / WINDOW == pytest.approx(440.0, abs=2.0)
    assert not np.array_equal(coded, tone(440.0))


def test_room_decays_by_60_db_in_its_time() -> None:
    click = np.zeros(WINDOW, dtype=np.float32)
    click[0] = 0.5
    wet = reverberate(click, 0.8, np.random.default_rng(0)).astype(np.float64) ** 2
    tail = wet[1 : round(0.8 * RATE_HZ)]
    assert tail.sum() / wet[0] == pytest.approx(1.0, rel=0.01)
    early, late = tail[:1600].mean(), tail[4800:6400].mean()  # 0.3 s apart: 22.5 dB
    assert 10 * np.log10(early / late) == pytest.approx(22.5, abs=1.5)
    assert not wet[round(0.8 * RATE_HZ) :].max() > 1e-12


@pytest.mark.parametrize("name", CONDITIONS)
def test_every_condition_gives_a_window_in_range_and_the_same_by_seed(name: str) -> None:
    for window in (tone(300.0, level=0.99), np.zeros(WINDOW, dtype=np.float32)):
        first, second = (CONDITIONS[name](window, [], np.random.default_rng(5)) for _ in range(2))
        assert first.shape == (WINDOW,)
        assert first.dtype == np.float32
        assert np.isfinite(first).all()
        assert np.abs(first).max() <= 1.0
        assert np.array_equal(first, second)


def test_short_noise_is_looped() -> None:
    noisy = CONDITIONS["noise, 5 dB"](tone(300.0), [tone(2000.0)[:700]], np.random.default_rng(0))
    added = noisy - tone(300.0)
    assert power(added[-700:]) == pytest.approx(power(added[:700]), rel=0.05)


def test_recordings_play_on_for_as_long_as_is_asked() -> None:
    mix = play_on([tone(300.0)[:5000], tone(600.0)[:3000]], 20_000, np.random.default_rng(0), layers=2)
    assert mix.shape == (20_000,)
    assert power(mix[-1000:]) > 0.0
    assert np.abs(mix).max() <= 1.0


def test_recordings_come_from_a_folder_and_from_a_tar(tmp_path: Path) -> None:
    folder = tmp_path / "noise"
    (folder / "deep").mkdir(parents=True)
    soundfile.write(folder / "one.wav", tone(300.0), RATE_HZ)
    soundfile.write(folder / "deep" / "two.wav", tone(500.0), RATE_HZ)
    (folder / "notes.txt").write_text("not a sound")
    (folder / "broken.wav").write_bytes(b"RIFF and nothing more")
    assert [len(audio) for audio in read_recordings(folder)] == [WINDOW, WINDOW]
    archive = tmp_path / "noise.tar"
    with tarfile.open(archive, "w") as tar:
        content = encoded_tone(440.0)
        member = tarfile.TarInfo("a/b.ogg")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    assert len(read_recordings(archive)) == 1


def test_recordings_have_the_same_names_in_a_folder_and_in_its_archive(tmp_path: Path) -> None:
    (tmp_path / "esc10" / "rain").mkdir(parents=True)
    file = tmp_path / "esc10" / "rain" / "1-2-A.ogg"
    file.write_bytes(encoded_tone(440.0))
    with tarfile.open(tmp_path / "esc10.tar", "w") as tar:
        tar.add(file, "esc10/rain/1-2-A.ogg")
    names: list[str] = []
    for place in ("esc10", "esc10.tar"):
        with pytest.raises(DataError, match=r"All 1 recordings in .* are heard in training: name others"):
            read_recordings(tmp_path / place, wanted=lambda name: bool(names.append(name)))
    assert names == ["esc10/rain/1-2-A.ogg"] * 2


def test_places_without_recordings_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        read_recordings(tmp_path / "nowhere")
    with pytest.raises(DataError, match="Nothing in"):
        read_recordings(tmp_path)
    torn = tmp_path / "torn.tar"
    torn.write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"torn\.tar"):
        read_recordings(torn)
