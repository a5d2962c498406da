"""Owns the making of the separator's file: training, graph, figures on what it never heard, entry."""

from __future__ import annotations

import hashlib
import json
import shutil
import zlib
from collections.abc import Callable
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError, ModelError
from models.emotion.separator import VoiceSeparator
from models.emotion.spectra import BINS, HOP, SIZE, spectra
from models.runtime import load_session
from models.training.data.recordings import read_recordings, sounds_digest
from models.training.data.speech import open_speech
from models.training.data.splits import Split
from models.training.emotion.encoders import encoder_fingerprint, load_hybrid
from models.training.emotion.noise import heard
from models.training.manifest import register
from models.training.onnx_file import write_graph
from models.training.provenance import library_versions
from models.training.records import write_json
from models.training.separator.fit import FitSettings, Material, fit_separator
from models.training.separator.mixtures import mixtures
from models.training.yamnet.material import kept_out
from models.writing import staged

__all__ = ["LICENCE", "SETTINGS", "VERSION", "ship_separator"]

VERSION: Final = "1.0.0"
LICENCE: Final = "CC-BY-NC-SA-4.0"
SETTINGS: Final = FitSettings()
_SOURCE: Final = "Trained in this project; see its card"
_WEIGHTS_DIR: Final = Path(__file__).resolve().parents[2] / "weights"
_ENCODER: Final = _WEIGHTS_DIR / "emotion-compact-encoder"
_LIMIT_S: Final = 1e9
_WATCHED_SONGS: Final = 10
"""One in so many songs is for the curves of the training alone."""
_UNDER_DB: Final = (0.0, 5.0, 10.0, 15.0)
_JUDGED: Final = 300
Progress = Callable[[str, int, int], None]


def ship_separator(
    speech: Path,
    music: Path,
    run: Path,
    path: Path,
    *,
    settings: FitSettings = SETTINGS,
    version: str = VERSION,
    command: str = "",
    on_progress: Progress = lambda _what, _done, _total: None,
) -> dict[str, Any]:
    """Train the separator, or go on with it; write graph and ``<name>.json``.

    Training speakers and songs are learned from, calibration speakers and other songs watched; figures are
    of test speakers and of songs that no network of this project has heard.

    Parameters
    ----------
    speech
        As `open_speech` opens it.
    music
        Archive or folder of songs (Emotify).
    run
        Folder of the checkpoint.
    path
        The ONNX file; in the folder of the program's own weights it is entered into their list.
    settings, version
        The recipe; written into the record.
    command
        The command line, for the record.
    on_progress
        Called with what is being done, how much of it is done and in all.

    Returns
    -------
    dict
        What the JSON file holds.

    Raises
    ------
    DataError
        Something is missing, or cannot be written: what was shipped before stays.
    ModelError
        A library is missing, or the graph answers otherwise than the network.
    WeightsError
        The encoder cannot be read, or the checkpoint is of another recipe.
    """
    for library in ("onnx", "onnxscript"):
        if find_spec(library) is None:
            raise ModelError(
                f"The library {library!r} is missing: run `pip install -e '.[train]' -c constraints.txt`."
            )
    cache = open_speech(speech)
    on_progress("reading songs", 0, 1)
    songs, watched, unheard = (
        read_recordings(music, limit_s=_LIMIT_S, wanted=wanted)
        for wanted in (_learned, _watched, lambda name: kept_out(name) and not heard(name))
    )
    clips, watched_clips, judged = (cache.of(split) for split in (Split.TRAIN, Split.CALIBRATION, Split.TEST))
    if not clips or not watched_clips:
        raise DataError(f"The speech in {speech} holds nobody to learn from or to watch: give it whole.")
    encoder = load_hybrid(_ENCODER)
    identity = hashlib.sha256(
        (cache.fingerprint + sounds_digest([*songs, *watched]) + encoder_fingerprint(encoder)).encode()
    ).hexdigest()
    network = fit_separator(
        encoder,
        Material(cache, clips, songs, watched_clips, watched),
        run / "separator",
        settings,
        identity=identity,
        on_step=lambda done, total: on_progress("training", done, total),
    )
    for value in network.parameters():
        value.data = value.data.half().float() if value.ndim > 1 else value.data
    on_progress("figures", 0, 1)
    record: dict[str, Any] = {
        "name": path.stem,
        "version": version,
        "licence": LICENCE,
        "heard": {
            "clips": len(clips),
            "speakers": len({(clip.corpus, clip.speaker) for clip in clips}),
            "songs": len(songs),
            "windows": settings.spectral_steps * settings.batch + settings.joint_steps * settings.joint_batch,
        },
        "settings": asdict(replace(settings, threads=0)),
        "made": {"command": command, "libraries": library_versions("torch", "transformers", "onnx")},
    }
    with staged(path.parent, what=f"The model {path}") as making:
        graph = making / path.name
        metadata = {
            "name": path.stem,
            "version": version,
            "licence": LICENCE,
            "corpora": json.dumps(sorted({clip.corpus for clip in clips})),
            "frame_samples": str(SIZE),
            "hop_samples": str(HOP),
        }
        write_graph(
            network, graph, metadata, _probes(), name="separator", takes="magnitudes", gives=["share"]
        )
        record["size_bytes"] = graph.stat().st_size
        separator = VoiceSeparator(load_session(graph))
        rng = np.random.default_rng(0)
        record["test"] = {
            f"{under:g} dB": _gain(
                separator,
                mixtures(
                    rng,
                    cache,
                    judged,
                    unheard,
                    _JUDGED,
                    replace(settings.heard, under_db=(under, under), alone_share=0.0, music_share=0.0),
                ),
            )
            for under in _UNDER_DB
        }
        write_json(making / f"{path.stem}.json", record)
        if path.resolve().parent == _WEIGHTS_DIR:
            listed = making / "manifest.toml"
            shutil.copyfile(path.with_name(listed.name), listed)
            register(graph, licence=LICENCE, source=_SOURCE)
    return record


def _watched(name: str) -> bool:
    return not kept_out(name) and zlib.crc32(name.encode()) % _WATCHED_SONGS == 3


def _learned(name: str) -> bool:
    return not kept_out(name) and not _watched(name)


def _gain(separator: VoiceSeparator, windows: Any) -> dict[str, float]:
    """Scale-invariant ratio of voice to what is not (Le Roux et al., ICASSP 2019), medians, dB."""
    before = [_ratio_db(heard_, voice) for heard_, voice in zip(windows.heard, windows.voice, strict=True)]
    after = [
        _ratio_db(separator.separate(heard_), voice)
        for heard_, voice in zip(windows.heard, windows.voice, strict=True)
    ]
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
    """Magnitudes of noise, of a tone in noise, both quiet, and of silence, ``(5, 188, 513)``."""
    rng = np.random.default_rng(0)
    noise = 0.1 * rng.standard_normal(48_000)
    tone = np.sin(2 * np.pi * 440.0 * np.arange(48_000) / 16_000) + 0.1 * noise
    sounds = (noise, tone, 1e-2 * noise, 1e-2 * tone, np.zeros(48_000))
    probes = np.stack([np.abs(spectra(sound.astype(np.float32))) for sound in sounds])
    assert probes.shape[2] == BINS
    return probes.astype(np.float32)
