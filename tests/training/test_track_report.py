"""The report on models of several tasks: what it counts, and that its page is drawn whatever is missing."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from core.errors import DataError
from tests.training.measured_tracks import GENRE, MOODS, invented_info, invented_measurement
from training.report import track_map
from training.report.track import evaluate_comparison, evaluate_tracks, metric_rows, model_record
from training.report.track_compare import compare_tracks
from training.report.track_entries import MeasuredTask, MeasuredTracks, entries_of
from training.report.track_errors import excerpt_uris, hardest_examples
from training.report.track_labels import NOTHING, co_confusion, label_record
from training.report.track_map import METHODS, WITHOUT_UMAP, embedding_map
from training.report.track_page import render_comparison, render_tracks, summarise_tracks
from training.report.track_test_data import write_test_data
from training.report.track_values import value_record


@pytest.fixture
def without_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take long, and have tests of their own."""
    monkeypatch.setattr("training.report.track.embedding_map", lambda *_args, **_options: None)


def report_on(tracks: MeasuredTracks, **options: Any) -> dict[str, Any]:
    report = evaluate_tracks(invented_info(), tracks, draws=50, command="attune evaluate track", **options)
    json.dumps(report, allow_nan=False)
    return report


def with_targets(tracks: MeasuredTracks, place: int, targets: np.ndarray) -> MeasuredTracks:
    tasks = list(tracks.tasks)
    tasks[place] = replace(tasks[place], targets=targets.astype(np.float32))
    return replace(tracks, tasks=tuple(tasks))


def assert_whole(page: str) -> None:
    """A page that fetches nothing."""
    assert page.startswith("<!doctype html>")
    assert page.rstrip().endswith("</html>")
    assert not re.findall(r'(?:src|href)="(?!#|data:)[^"]*"', page)
    assert "http:" not in page.replace("http://www.w3.org", "")
    assert "nan" not in re.sub(r"<[^>]*>", " ", page).lower().split()


def test_what_stands_in_for_what() -> None:
    truth = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 0]], dtype=bool)
    said = np.array([[1, 0, 1], [0, 0, 0], [1, 0, 1], [0, 0, 0]], dtype=bool)
    assert co_confusion(truth, said).tolist() == [
        [1, 0, 0, 1],  # heard once, missed once with nothing in its place
        [0, 0, 1, 0],  # missed where the third was claimed
        [0, 0, 1, 0],
        [1, 0, 0, 0],  # claimed where nothing was missed
    ]


def test_labels_by_themselves_are_counted_from_their_thresholds() -> None:
    measured = MeasuredTask(
        MOODS,
        np.array([[1, 0, 0], [1, 0, 1], [0, 0, 0], [np.nan, 1, 0]], dtype=np.float32),
        np.array([[0.5, 0.3, 0.1], [0.2, 0.4, 0.9], [0.8, 0.1, 0.2], [0.9, 0.9, 0.9]], dtype=np.float32),
    )
    record = label_record(measured)
    assert record["by_label"]["calm"]["counts"] == [1, 1, 1, 0]  # hit, missed, false, rightly not claimed
    assert record["by_label"]["very_epic"]["counts"] == [1, 0, 0, 2]
    assert record["by_label"]["dark"]["roc"] is None
    assert record["by_label"]["dark"]["best"] is None
    assert record["guessing"] == {
        "macro_f1": pytest.approx((0.8 + 0 + 0.5) / 3, abs=1e-4),
        "hamming_loss": 0.2222,
    }
    assert {"truth": "calm", "said": "dark", "n": 1, "share": 0.5} in record["pairs"]
    assert record["columns"][-1] == NOTHING


def test_the_best_threshold_is_where_f1_is_highest() -> None:
    truth = np.array([[0], [0], [1], [1]], dtype=np.float32)
    scores = np.array([[0.1], [0.35], [0.55], [0.8]], dtype=np.float32)
    one = replace(MOODS, task=replace(MOODS.task, labels=("calm",)), thresholds=(0.6,))
    row = label_record(MeasuredTask(one, truth, scores))["by_label"]["calm"]
    assert row["best"] == {"threshold": pytest.approx(0.45), "f1": 1.0}
    at_half = row["sweep"]["threshold"].index(0.5)
    assert row["sweep"]["f1"][at_half] == 1.0
    assert row["sweep"]["recall"][row["sweep"]["threshold"].index(0.6)] == 0.5


def test_classes_have_a_confusion_and_answers_by_confidence() -> None:
    targets = np.eye(3, dtype=np.float32)[[0, 0, 2, 2]]
    answers = np.array([[0.9, 0.1, 0], [0.2, 0.1, 0.7], [0.1, 0, 0.9], [0.4, 0, 0.6]], dtype=np.float32)
    record = label_record(MeasuredTask(GENRE, targets, answers))
    assert (record["rows"], record["confusion"]) == (["ambient", "rock"], [[1, 1], [0, 2]])
    assert record["pairs"] == [{"truth": "ambient", "said": "rock", "n": 1, "share": 1.0}]
    assert record["guessing"] == {"accuracy": 0.5}
    assert [step["n"] for step in record["acceptance"] if step["threshold"] in {0.65, 0.8}] == [3, 2]
    assert record["by_label"]["polka"]["precision_recall"] is None


def test_intervals_of_values_hold_what_they_hold() -> None:
    measured = invented_measurement(200).tasks[2]
    record = value_record(measured)["by_label"]["bpm"]
    wrong = np.abs(measured.targets - measured.answers)[np.isfinite(measured.targets)]
    widest = record["coverage"][-1]
    assert widest["nominal"] == 0.95
    assert widest["actual"] == pytest.approx((wrong <= 20).mean(), abs=1e-3)
    assert record["coverage"][0]["nominal"] < record["coverage"][1]["nominal"]
    assert np.sum(record["confusion"]) == np.sum(record["histogram"]["counts"]) == 199
    assert record["categories"] == ["slow", "moderate", "fast"]


@pytest.mark.usefixtures("without_maps")
def test_the_page_tells_all_of_three_tasks() -> None:
    report = report_on(invented_measurement())
    page = render_tracks(report, {})
    assert_whole(page)
    assert ", kept out of its training" in page
    for part in ("Training and validation curves", "Threshold sweep", "Calibration", "Hardest examples"):
        assert part in page
    assert "very epic" in page
    assert len(summarise_tracks(report)) == 3
    rows = metric_rows(report)
    assert {"task": "bpm", "label": "bpm", "figure": "acc2"}.items() <= next(
        row for row in rows if row["figure"] == "acc2"
    ).items()
    polka = [row for row in rows if row["label"] == "polka"]
    assert {row["value"] for row in polka} == {None}
    assert {row["n"] for row in polka} == {0}
    accuracy = next(row for row in rows if row["figure"] == "accuracy")
    assert accuracy["low"] < accuracy["value"] < accuracy["high"]


@pytest.mark.usefixtures("without_maps")
def test_a_page_without_curves_without_groups_and_with_unknown_targets() -> None:
    tracks = invented_measurement()
    targets = tracks.tasks[1].targets.copy()
    targets[5:30] = np.nan
    report = report_on(
        replace(with_targets(tracks, 1, targets), groups=("one",) * 40, notes=("Measured in a hurry.",)),
        history=[],
    )
    assert report["tasks"]["moods"]["n"] == 14
    assert {row["interval"] for row in report["overall"]} == {None}
    page = render_tracks(report, {})
    assert_whole(page)
    assert "Measured in a hurry." in page
    assert "kept out of its training" not in page
    assert 'id="training"' not in page


@pytest.mark.usefixtures("without_maps")
def test_a_page_of_one_entry() -> None:
    report = report_on(invented_measurement(1), history=[{"loss": 1.0, "validation_loss": 1.0}])
    assert report["data"] == {"name": "invented", "side": "test", "entries": 1, "groups": 1}
    page = render_tracks(report, {})
    assert_whole(page)
    assert "1 entry of 1 group" in page


@pytest.mark.usefixtures("without_maps")
def test_a_page_of_many_labels_draws_thin_lines_and_a_picture() -> None:
    labels = tuple(f"tag_{place}" for place in range(40))
    rng = np.random.default_rng(0)
    truth = (rng.random((60, 40)) < 0.2).astype(np.float32)
    served = replace(MOODS, task=replace(MOODS.task, labels=labels), thresholds=(0.5,) * 40)
    measured = MeasuredTask(
        served, truth, np.clip(0.3 * truth + 0.7 * rng.random((60, 40)), 0, 1).astype("f4")
    )
    page = render_tracks(report_on(replace(invented_measurement(60), tasks=(measured,))), {})
    assert_whole(page)
    assert 'aria-label="Confusion, moods"' in page
    assert 'aria-label="Errors, moods"' in page
    assert 'aria-label="F1 by threshold, moods"' in page


@pytest.mark.usefixtures("without_maps")
def test_labels_and_names_are_text_and_never_markup() -> None:
    tracks = invented_measurement()
    bad = "<script>alert(1)</script>"
    served = replace(GENRE, task=replace(GENRE.task, labels=(bad, "polka", "rock")))
    tracks = replace(
        tracks,
        data=bad,
        names=tuple(f"{bad} {name}" for name in tracks.names),
        tasks=(replace(tracks.tasks[0], served=served),),
    )
    assert "<script>alert" not in render_tracks(report_on(tracks), {})


def test_hardest_examples_are_wrong_and_sure() -> None:
    targets = np.eye(3, dtype=np.float32)[[0, 0, 2]]
    answers = np.array([[0.1, 0, 0.9], [0.4, 0, 0.6], [0, 0, 1.0]], dtype=np.float32)
    tracks = replace(invented_measurement(3), tasks=(MeasuredTask(GENRE, targets, answers),))
    found = hardest_examples(tracks)
    assert [row["name"] for row in found] == ["track 0", "track 1"]
    assert (found[0]["truth"], found[0]["said"]) == ("ambient", "rock 90\N{NO-BREAK SPACE}%")
    moods = MeasuredTask(
        MOODS,
        np.array([[1, 0, 0], [0, 0, 0]], dtype=np.float32),
        np.array([[0.05, 0.9, 0.1], [0.1, 0.1, 0.1]], dtype=np.float32),
    )
    (one,) = hardest_examples(replace(invented_measurement(2), tasks=(moods,)))
    assert re.sub(r"\s", " ", one["said"]) == "missed calm (5 %), claimed dark (90 %)"
    assert one["wrong"] == pytest.approx(0.95)


def test_players_are_short_excerpts_of_the_sounds_that_are_found(tmp_path: Path) -> None:
    for name in ("there.wav", "007_rock.wav"):
        soundfile.write(tmp_path / name, 0.1 * np.sin(np.arange(160_000) / 9.0), 16_000)
    (tmp_path / "broken.wav").write_bytes(b"RIFFbroken")
    hardest = [
        {"name": "one", "path": str(tmp_path / "there.wav")},
        {"name": "7#001", "path": "audio/007_rock"},
        {"name": "broken", "path": ""},
        {"name": "nowhere", "path": "audio/nowhere"},
    ]
    found = excerpt_uris(hardest, tmp_path, 4.0)
    assert set(found) == {"one", "7#001"}
    assert all(uri.startswith("data:audio/ogg;base64,") for uri in found.values())
    assert set(excerpt_uris(hardest, None, None)) == {"one"}
    page = render_tracks(
        {
            **report_on(replace(invented_measurement(3), names=("one", "b", "c"))),
            "hardest": [
                {
                    "task": "genre",
                    "name": "one",
                    "path": hardest[0]["path"],
                    "truth": "rock",
                    "said": "polka",
                    "wrong": 1.0,
                }
            ],
        },
        found,
    )
    assert_whole(page)
    assert page.count("<audio") == 1


def test_maps_in_two_and_three_dimensions_by_all_methods() -> None:
    tracks = invented_measurement(30)
    found = embedding_map(tracks)
    assert found is not None
    assert tuple(found["methods"]) == METHODS
    for method in found["methods"].values():
        assert np.array(method["flat"]).shape == (30, 2)
        assert np.array(method["deep"]).shape == (30, 3)
        assert np.abs(method["deep"]).max() <= 1.0
    assert found["note"] == ""
    by_name = {colour["name"]: colour for colour in found["colours"]}
    assert by_name["genre: truth"]["values"][0] == -1  # unknown
    assert by_name["moods: dark"]["labels"] == ["not dark", "dark"]
    assert by_name["bpm"]["values"][2] is None
    page = render_tracks(report_on(tracks) | {"map": found}, {})
    assert_whole(page)
    assert "Map in three dimensions, genre: truth" in page
    assert '"shades"' in page
    assert embedding_map(tracks) == found


def test_without_umap_one_sentence_says_so_and_the_rest_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(track_map, "find_spec", lambda _name: None)
    report = report_on(invented_measurement(12))
    assert tuple(report["map"]["methods"]) == METHODS[:-1]
    page = render_tracks(report, {})
    assert_whole(page)
    assert WITHOUT_UMAP.split(",")[0] in page
    assert page.count(">t-SNE<") >= 2


def test_too_few_entries_or_all_alike_make_no_map() -> None:
    assert embedding_map(invented_measurement(5)) is None
    alike = replace(invented_measurement(12), fused=np.ones((12, 16), dtype=np.float32))
    assert embedding_map(alike) is None


@pytest.mark.usefixtures("without_maps")
def test_two_models_are_compared_on_what_both_answered() -> None:
    first = invented_measurement(80)
    worse = tuple(
        replace(task, answers=np.roll(task.answers, 1, axis=0).astype(np.float32)) for task in first.tasks
    )
    second = entries_of(replace(first, tasks=worse), first.names[10:])
    found = compare_tracks({"a": first, "b": second}, draws=100)
    assert (found["entries"], found["groups"]) == (70, 35)
    rows = {(row["task"], row["figure"]): row for row in found["rows"]}
    assert {("bpm", "r2"), ("bpm", "mae"), ("genre", "macro_f1"), ("moods", "macro_roc_auc")} <= set(rows)
    mae = rows["bpm", "mae"]
    assert mae["lower_is_better"]
    assert mae["differences"][0]["value"] == pytest.approx(mae["values"][1] - mae["values"][0], abs=1e-3)
    assert mae["differences"][0]["interval"][0] > 0
    report = report_on(first, others={"b/b.onnx": second})
    assert_whole(render_tracks(report, {}))
    assert any(sentence.startswith("b/b.onnx is worse in") for sentence in summarise_tracks(report))
    record = model_record(invented_info())
    alone = evaluate_comparison({"a": first, "b": second}, {"a": record, "b": record}, draws=20)
    assert_whole(render_comparison(alone))


def test_a_model_compared_with_itself_differs_by_nothing() -> None:
    tracks = invented_measurement(20)
    found = compare_tracks({"a": tracks, "b": tracks}, draws=20)
    assert {row["differences"][0]["value"] for row in found["rows"]} == {0.0}
    assert "is more than chance" in " ".join(
        summarise_tracks({"overall": [], "tasks": {}, "comparison": found})
    )


def test_labels_in_another_order_are_the_same_labels() -> None:
    tracks = invented_measurement(20)
    moods = tracks.tasks[1]
    turned = MeasuredTask(
        replace(
            MOODS, task=replace(MOODS.task, labels=MOODS.task.labels[::-1]), thresholds=MOODS.thresholds[::-1]
        ),
        moods.targets[:, ::-1],
        moods.answers[:, ::-1],
    )
    found = compare_tracks({"a": tracks, "b": replace(tracks, tasks=(turned,))}, draws=5)
    assert {row["task"] for row in found["rows"]} == {"moods"}
    assert {row["differences"][0]["value"] for row in found["rows"]} == {0.0}


def test_models_that_share_nothing_are_not_compared() -> None:
    tracks = invented_measurement(6)
    other = replace(tracks, names=tuple(f"other {name}" for name in tracks.names))
    with pytest.raises(DataError, match="a, b have no entry in common"):
        compare_tracks({"a": tracks, "b": other})
    with pytest.raises(DataError, match="share no task"):
        compare_tracks(
            {"a": replace(tracks, tasks=tracks.tasks[:1]), "b": replace(tracks, tasks=tracks.tasks[1:])}
        )


def test_test_data_are_written_as_they_were_measured(tmp_path: Path) -> None:
    tracks = invented_measurement(6)
    write_test_data(tracks, tmp_path / "data.json")
    content = json.loads((tmp_path / "data.json").read_text())
    assert content["names"] == list(tracks.names)
    moods = content["tasks"]["moods"]
    assert moods["thresholds"] == [0.5, 0.4, 0.7]
    assert np.allclose(moods["probabilities"], tracks.tasks[1].answers, atol=1e-5)
    assert moods["truth"][1] == [None, None, None]
    assert "answers" in content["tasks"]["bpm"]
    write_test_data(tracks, tmp_path / "data.npz")
    with np.load(tmp_path / "data.npz", allow_pickle=False) as arrays:
        assert np.array_equal(arrays["input_embedding"], tracks.inputs["embedding"])  # type: ignore[index]
        assert np.array_equal(arrays["truth_genre"], tracks.tasks[0].targets, equal_nan=True)
        assert arrays["labels_moods"].tolist() == ["calm", "dark", "very_epic"]
        assert arrays["answers_bpm"].shape == (6, 1)
    with pytest.raises(DataError, match=r"end it in \.json or \.npz"):
        write_test_data(tracks, tmp_path / "data.csv")
