"""The invented corpus, once a run; nothing here is collected without what training needs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.training.invented_corpus import all_clips, corpus_row, encoded_tone, write_corpus
from training.data.cache import prepare
from training.data.splits import release_splits

collect_ignore_glob: list[str] = []
if any(importlib.util.find_spec(name) is None for name in ("torch", "transformers", "onnx", "safetensors")):
    collect_ignore_glob.append("test_*.py")


@pytest.fixture(scope="session")
def speech_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole, faultless corpus of tones."""
    clips = list(all_clips())
    rows = [corpus_row(path, emotion) for path, emotion, _ in clips]
    sounds = {path: encoded_tone(pitch_hz) for path, _, pitch_hz in clips}
    return write_corpus(tmp_path_factory.mktemp("speech") / "data", rows, sounds)


@pytest.fixture(scope="session")
def cache_path(speech_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus, prepared."""
    path = tmp_path_factory.mktemp("cache") / "speech"
    folds_csv = speech_dir / "emobox_folds.csv"
    prepare(speech_dir, path, assign=release_splits(folds_csv), split_files=(folds_csv,))
    return path
