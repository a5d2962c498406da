"""Datasets of the Hugging Face library, from a local folder and without the network."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from core.errors import DataError
from tests.training.data.small_corpora import write_tone
from training.data.cache import prepare
from training.data.hub import HubColumns, import_hub
from training.data.manifest import write_manifest
from training.data.splits import Split

datasets: Any = pytest.importorskip("datasets", reason="needs the extra `hub`")
pytestmark = pytest.mark.filterwarnings("ignore")

CLASSES = ["anger", "bored", "happy"]
LABELS = {"anger": "angry", "bored": "other:boredom"}
COLUMNS = HubColumns(emotion="label", speaker="actor", text="words")


@pytest.fixture
def table(tmp_path: Path) -> Any:
    """Four clips whose sound lies within the table; the last has no speaker."""
    made = [write_tone(tmp_path / "made" / f"{index}.wav", 300 + 10 * index) for index in range(4)]
    columns = {
        "audio": [{"bytes": file.read_bytes(), "path": f"../{file.name}"} for file in made],
        "label": [0, 1, 2, 0],
        "actor": ["x", "x", "y", None],
        "words": ["one"] * 4,
    }
    table = datasets.Dataset.from_dict(columns).cast_column("audio", datasets.Audio(decode=False))
    return table.cast_column("label", datasets.ClassLabel(names=CLASSES))


@pytest.mark.parametrize("form", ["saved", "saved parts", "parquet"])
def test_sound_in_tables_becomes_files_and_a_manifest(table: Any, form: str, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    if form == "saved":
        table.save_to_disk(folder)
    elif form == "saved parts":
        datasets.DatasetDict({"train": table}).save_to_disk(folder)
    else:
        folder.mkdir()
        table.to_parquet(folder / "train.parquet")
    found = import_hub(
        str(folder),
        corpus="own",
        manifest_dir=tmp_path,
        audio_dir=tmp_path / "sound",
        columns=COLUMNS,
        labels=LABELS,
        language="en",
    )
    assert [(row.speaker, row.emotion, row.text, row.language) for row in found.rows] == [
        ("x", "angry", "one", "en"),
        ("x", "other:boredom", "one", "en"),
        ("y", "happy", "one", "en"),
    ]
    assert [problem.kind for problem in found.problems] == ["unusable"]
    assert (tmp_path / found.rows[0].path).read_bytes() == (tmp_path / "made" / "0.wav").read_bytes()
    assert all(row.path.startswith("sound/") for row in found.rows)
    write_manifest(tmp_path / "manifest.csv", found.rows)
    cache = prepare(tmp_path / "manifest.csv", tmp_path / "cache", assign=lambda _: Split.TRAIN)
    assert len(cache.clips) == 3


def test_folder_of_sound_files_with_metadata_stays_where_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    write_tone(folder / "train" / "one.wav", 300)
    with (folder / "train" / "metadata.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows([("file_name", "emotion", "speaker_id"), ("one.wav", "sad", 7)])
    found = import_hub(str(folder), corpus="own", manifest_dir=tmp_path, audio_dir=tmp_path / "sound")
    assert [(row.path, row.speaker, row.emotion) for row in found.rows] == [("set/train/one.wav", "7", "sad")]
    assert not (tmp_path / "sound").exists()


def test_unknown_labels_are_reported_by_value(table: Any, tmp_path: Path) -> None:
    table.save_to_disk(tmp_path / "set")
    found = import_hub(
        str(tmp_path / "set"),
        corpus="own",
        manifest_dir=tmp_path,
        audio_dir=tmp_path / "sound",
        columns=COLUMNS,
    )
    assert [row.emotion for row in found.rows] == ["happy"]
    assert "'anger'; map it with --label" in str(found.problems[0])


@pytest.mark.parametrize(
    ("columns", "labels", "words"),
    [
        (HubColumns(), {}, "no column emotion, speaker_id: it has audio, label, actor, words"),
        (HubColumns(audio="words", emotion="label", speaker="actor"), {}, "column words .* holds no sound"),
        (COLUMNS, {"anger": "furious"}, "'anger' is mapped to 'furious', which is none of ours"),
        (COLUMNS, {"happy": "other:x", "bored": "calm"}, ""),
    ],
)
def test_wrong_columns_and_mappings_are_named(
    table: Any, tmp_path: Path, columns: HubColumns, labels: dict[str, str], words: str
) -> None:
    table.save_to_disk(tmp_path / "set")

    def run() -> None:
        import_hub(
            str(tmp_path / "set"),
            corpus="own",
            manifest_dir=tmp_path,
            audio_dir=tmp_path / "sound",
            columns=columns,
            labels=labels,
        )

    if words:
        with pytest.raises(DataError, match=words):
            run()
        assert not (tmp_path / "sound").exists()
    else:
        run()


def test_what_cannot_be_opened_offline_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="somebody/no-such-set cannot be opened") as caught:
        import_hub("somebody/no-such-set", corpus="own", manifest_dir=tmp_path, audio_dir=tmp_path / "sound")
    assert "--online" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_folder_that_is_there_is_never_written_into(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is there already"):
        import_hub("set", corpus="own", manifest_dir=tmp_path, audio_dir=tmp_path)
