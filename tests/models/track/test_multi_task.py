"""Models of several tasks: opened, refused, and asked about files."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from attune.cli.console import print_csv, print_json
from core.errors import ModelError, WeightsError
from models.mood.backbone import load_backbone
from models.track.answers import TaskAnswer, task_answers
from models.track.file_prediction import TrackPredictor, prediction_cells, prediction_to_dict
from models.track.multi_task import MultiTaskModel
from models.track.tasks import InputKind
from tests.models.mood_graphs import write_backbone
from tests.models.track.multi_task_graphs import MOODS, OUTPUTS, TEMPO, metadata_of, write_multi_task

VECTOR = {InputKind.EMBEDDING: (1024,)}
RATE_HZ = 16_000


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_multi_task(tmp_path / "tiny.onnx", VECTOR)


def tone(path: Path, seconds: float = 2.0, level: float = 0.5) -> Path:
    samples = level * np.sin(2 * np.pi * 220.0 * np.arange(int(seconds * RATE_HZ)) / RATE_HZ)
    soundfile.write(path, samples, RATE_HZ)
    return path


def predictor(model: Path, folder: Path, **kind: bool) -> TrackPredictor:
    return TrackPredictor(
        MultiTaskModel.load(model), load_backbone(write_backbone(folder / "backbone.onnx", **kind))
    )


def test_a_model_says_what_it_is_and_answers_any_number_of_entries(model: Path) -> None:
    opened = MultiTaskModel.load(model)
    assert [one.task.name for one in opened.info.tasks] == ["genre", "moods", "bpm"]
    assert (opened.info.segment_s, opened.info.whole) == (None, frozenset())
    assert opened.info.metrics["validation"]["genre"]["accuracy"] == 0.5
    answers = opened.predict({InputKind.EMBEDDING: np.zeros((100, 1024), dtype=np.float32)})
    assert {name: values.shape for name, values in answers.items()} == {
        "genre": (100, 2),
        "moods": (100, 3),
        "bpm": (100, 1),
        "fused": (100, 256),
    }
    np.testing.assert_allclose(answers["moods"][99], OUTPUTS["moods"])


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"inputs": {}}, "no tasks or no inputs"),
        ({"tasks": []}, "no tasks or no inputs"),
        ({"preprocessing": {"embedding": {"size": 512}}}, "made otherwise than this program makes them"),
        (
            {"tasks": [{"name": "genre", "kind": "single-label", "labels": ["a"]}]},
            "no model of several tasks",
        ),
        ({"inputs": {"smell": [3]}}, "no model of several tasks"),
    ],
)
def test_what_contradicts_itself_is_refused(tmp_path: Path, changed: dict[str, object], says: str) -> None:
    path = write_multi_task(tmp_path / "odd.onnx", VECTOR, metadata_of(VECTOR, **changed))
    with pytest.raises(WeightsError, match=says):
        MultiTaskModel.load(path)


def test_another_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="is no model of several tasks"):
        MultiTaskModel.load(write_backbone(tmp_path / "backbone.onnx"))
    with pytest.raises(WeightsError, match="is missing"):
        MultiTaskModel.load(tmp_path / "nothing.onnx")


def test_inputs_of_another_shape_are_refused(model: Path) -> None:
    opened = MultiTaskModel.load(model)
    with pytest.raises(ModelError, match="needs the input 'embedding'"):
        opened.predict({})
    with pytest.raises(ModelError, match=r"of shape \(2, 512\) came: give \(entries, 1024\)"):
        opened.predict({InputKind.EMBEDDING: np.zeros((2, 512), dtype=np.float32)})


def test_labels_count_from_their_own_thresholds() -> None:
    (answer,) = task_answers(MOODS, np.array(OUTPUTS["moods"], dtype=np.float32))
    assert answer.value == ("calm", "dark")
    assert answer.confidence == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("bpm", "category", "confidence"),
    [
        (60.0, "slow", 1.0),
        (92.0, "moderate", 0.6),
        (119.0, "moderate", 0.6),
        (300.0, "fast", 1.0),
    ],
)
def test_the_category_of_a_tempo_is_as_sure_as_the_usual_errors_leave_it(
    bpm: float, category: str, confidence: float
) -> None:
    (answer,) = task_answers(TEMPO, np.array([bpm], dtype=np.float32))
    assert answer == TaskAnswer("bpm", bpm, category, confidence, (bpm - 20.0, bpm + 20.0))


def test_a_file_is_answered_as_json_and_as_csv(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = predictor(model, tmp_path)
    prediction = asked.predict(tone(tmp_path / "song.wav"))
    assert prediction.error == ""
    assert prediction.duration_s == pytest.approx(2.0, abs=0.1)
    assert prediction.processing_time_s > 0
    print_json(prediction_to_dict(prediction))
    said = json.loads(capsys.readouterr().out)
    assert said["answers"]["genre"]["value"] == "rock"
    assert said["answers"]["moods"]["value"] == ["calm", "dark"]
    assert set(said["answers"]["bpm"]) == {"value", "category", "confidence", "interval"}
    cells = prediction_cells(prediction)
    print_csv([asked.columns(), [cells.get(column) for column in asked.columns()]])
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["genre"], row["moods"], float(row["moods:dark"])) == (
        "rock",
        "calm; dark",
        pytest.approx(0.35),
    )
    assert set(cells) == set(asked.columns())


def test_what_cannot_be_answered_is_a_row_with_an_error(model: Path, tmp_path: Path) -> None:
    asked = predictor(model, tmp_path)
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFFnothing")
    for path, says in (
        (tmp_path / "absent.wav", "absent.wav"),
        (broken, "broken.wav"),
        (tone(tmp_path / "silent.wav", level=0.0), "is silent"),
    ):
        prediction = asked.predict(path)
        assert says in prediction.error
        assert (prediction.file, prediction.answers) == (str(path), ())
        assert set(prediction_cells(prediction)) <= set(asked.columns())


def test_speech_and_short_tracks_come_with_a_warning(tmp_path: Path) -> None:
    of_segments = metadata_of(VECTOR, segment_s=30.0)
    model = write_multi_task(tmp_path / "tiny.onnx", VECTOR, of_segments)
    asked = predictor(model, tmp_path, loud_is_music=True)
    quiet = asked.predict(tone(tmp_path / "quiet.wav", level=0.02))
    assert [warning.split(":")[0].split(" lasts")[0] for warning in quiet.warnings] == [quiet.file] * 2
    assert "no music was heard" in quiet.warnings[1]
    assert "lasts 2.0 s, and the model was trained on 30.0 s" in quiet.warnings[0]


def test_of_a_long_track_evenly_spaced_segments_are_heard(tmp_path: Path) -> None:
    steps = {InputKind.EMBEDDINGS: (3, 1024)}
    model = write_multi_task(tmp_path / "tiny.onnx", steps, metadata_of(steps, segment_s=2.88))
    asked = predictor(model, tmp_path)
    samples = np.linspace(0.0, 0.9, 60 * RATE_HZ) * np.sin(np.arange(60 * RATE_HZ))
    soundfile.write(tmp_path / "crescendo.wav", samples, RATE_HZ)
    (tempo,) = [a for a in asked.predict(tmp_path / "crescendo.wav").answers if a.name == "bpm"]
    first = asked.predict(tone(tmp_path / "start.wav", 2.88, 0.02))
    # The embedding's first number is the mean of the rectified patch: of all segments it is in the middle.
    assert isinstance(tempo.value, float)
    assert 0.2 < tempo.value - 118.0 < 0.4
    assert first.error == ""
