"""The release of the separator: training, graph, figures on unseen voices and songs, and list entry."""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from models.emotion.separator import VoiceSeparator
from models.emotion.spectra import BINS, HOP, SIZE, spectra
from models.runtime import load_session
from training.data.cache import open_speech
from training.data.recordings import read_recordings, sounds_digest
from training.data.splits import Split
from training.emotion.encoders import encoder_fingerprint, load_hybrid
from training.emotion.experiment import COMPACT_ENCODER
from training.libraries import require_libraries
from training.onnx_file import probe_sounds, write_graph
from training.progress import Progress, no_progress
from training.release import LICENCE, release_record, round_to_float16, staged_release
from training.separator.fit import FitSettings, SeparationData, fit_separator
from training.separator.mixtures import Mixtures, mixtures
from training.yamnet.recordings import is_held_out, is_unheard

VERSION: Final = "1.0.0"
SETTINGS: Final = FitSettings()
_LIMIT_S: Final = 1e9
_VALIDATION_SONGS: Final = 10
"""One in so many songs is for the curves of the training alone."""
_UNDER_DB: Final = (0.0, 5.0, 10.0, 15.0)
_TEST_WINDOWS: Final = 300


def release_separator(
    speech: Path,
    music: Path,
    run: Path,
    path: Path,
    *,
    settings: FitSettings = SETTINGS,
    command: str = "",
    on_progress: Progress = no_progress,
) -> dict[str, Any]:
    """Train the separator, or go on with it; write graph and ``<name>.json``, and return what that holds.

    It is trained on training speakers and songs, and validated on calibration speakers and other songs.
    Figures are of test speakers and of songs that no network of this project was trained on.

    Raises
    ------
    DataError
        Something is missing, or cannot be written: the last release stays.
    ModelError
        A library is missing, or the graph answers otherwise than the network.
    WeightsError
        The encoder cannot be read, or the checkpoint is of another recipe.
    """
    require_libraries("onnx", "onnxscript")
    cache = open_speech(speech)
    on_progress("reading songs", 0, 1)
    songs, validation_songs, unseen_songs = (
        read_recordings(music, limit_s=_LIMIT_S, wanted=wanted)
        for wanted in (_is_training_song, _is_validation_song, is_unheard)
    )
    clips, validation_clips, test_clips = (
        cache.of(split) for split in (Split.TRAIN, Split.CALIBRATION, Split.TEST)
    )
    if not clips or not validation_clips:
        raise DataError(f"The speech in {speech} holds nobody to learn from or to watch: give it whole.")
    encoder = load_hybrid(COMPACT_ENCODER)
    digests = (cache.fingerprint, sounds_digest([*songs, *validation_songs]), encoder_fingerprint(encoder))
    network = fit_separator(
        encoder,
        SeparationData(cache, clips, songs, validation_clips, validation_songs),
        run / "separator",
        settings,
        identity=hashlib.sha256("".join(digests).encode()).hexdigest(),
        on_step=lambda done, total: on_progress("training", done, total),
    )
    round_to_float16(network)
    on_progress("figures", 0, 1)
    record: dict[str, Any] = {
        **release_record(path, VERSION, command, "torch", "transformers", "onnx"),
        "heard": {
            "clips": len(clips),
            "speakers": len({(clip.corpus, clip.speaker) for clip in clips}),
            "songs": len(songs),
            "windows": settings.spectral_steps * settings.batch + settings.joint_steps * settings.joint_batch,
        },
        "settings": asdict(replace(settings, threads=0)),
    }
    metadata = {
        "name": path.stem,
        "version": VERSION,
        "licence": LICENCE,
        "corpora": json.dumps(sorted({clip.corpus for clip in clips})),
        "frame_samples": str(SIZE),
        "hop_samples": str(HOP),
    }
    with staged_release(path, record) as making:
        graph = making / path.name
        write_graph(
            network, graph, metadata, _probes(), name="separator", takes="magnitudes", gives=["share"]
        )
        record["size_bytes"] = graph.stat().st_size
        separator, rng = VoiceSeparator(load_session(graph)), np.random.default_rng(0)
        record["test"] = {}
        for under in _UNDER_DB:
            heard = replace(settings.heard, under_db=(under, under), alone_share=0.0, music_share=0.0)
            windows = mixtures(rng, cache, test_clips, unseen_songs, _TEST_WINDOWS, heard)
            record["test"][f"{under:g} dB"] = _gain(separator, windows)
    return record


def _is_validation_song(name: str) -> bool:
    return not is_held_out(name) and zlib.crc32(name.encode()) % _VALIDATION_SONGS == 3


def _is_training_song(name: str) -> bool:
    return not is_held_out(name) and not _is_validation_song(name)


def _gain(separator: VoiceSeparator, windows: Mixtures) -> dict[str, float]:
    """Scale-invariant ratio of voice to what is not (Le Roux et al., ICASSP 2019), medians, dB."""
    pairs = list(zip(windows.mixture, windows.voice, strict=True))
    before = [_ratio_db(mixture, voice) for mixture, voice in pairs]
    after = [_ratio_db(separator.separate(mixture), voice) for mixture, voice in pairs]
    return {
        "si_sdr_before_db": round(float(np.median(before)), 2),
        "si_sdr_after_db": round(float(np.median(after)), 2),
    }


def _ratio_db(sound: NDArray[np.float32], voice: NDArray[np.float32]) -> float:
    sound, voice = sound.astype(np.float64), voice.astype(np.float64)
    part = voice * float(sound @ voice) / max(float(voice @ voice), 1e-12)
    rest = sound - part
    return float(10.0 * np.log10(max(float(part @ part), 1e-12) / max(float(rest @ rest), 1e-12)))


def _probes() -> NDArray[np.float32]:
    """Magnitudes of `probe_sounds`, ``(5, 188, 513)``."""
    probes = np.stack([np.abs(spectra(sound)) for sound in probe_sounds(48_000)])
    assert probes.shape[2] == BINS
    return probes.astype(np.float32)
