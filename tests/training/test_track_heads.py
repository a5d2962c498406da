"""Heads of few data learn what is there, are judged by other folds alone, and answer from the file alike."""

from __future__ import annotations

import gzip
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from attune.cli import main
from models.track.heads import GENRE_HEAD, TRACK_HEADS, load_track_head
from models.track.tasks import InputKind
from tests.training.invented_jamendo import write_jamendo
from tests.training.running import attune
from training.mood.head import MoodNet, MoodSettings
from training.track.heads import evaluate, gems, release, tags, valence_arousal
from training.track.heads.kernel import KernelProblem, TrackView, answers_of_others, answers_to
from training.track.readers.emotify import GEMS

QUICK = MoodSettings(
    epochs=2, batch=32, peak_rate=5e-3, dropout=0.1, mixup_alpha=0.3, second_folds=0, refit=False
)
RNG = np.random.default_rng(0)
KINDS = {"genre": ("genre---", ("rock", "jazz", "folk")), "instrument": ("instrument---", ("piano", "drums"))}


def write_tags(folder: Path) -> None:
    """Genres and instruments of the tracks of `write_jamendo`: by the artist's side and number."""
    for side in ("train", "validation", "test"):
        lines = (
            gzip.decompress((folder / f"split0_moodtheme-{side}.tsv.gz").read_bytes()).decode().splitlines()
        )
        for task, (beginning, labels) in KINDS.items():
            rows = [lines[0]]
            for place, line in enumerate(lines[1:]):
                cells = line.split("\t")
                rows.append("\t".join([*cells[:5], beginning + labels[place % len(labels)]]))
            content = gzip.compress(("\n".join(rows) + "\n").encode())
            (folder / f"split0_{task}-{side}.tsv.gz").write_bytes(content)


def write_music(folder: Path) -> None:
    """Twenty tracks with listeners' answers and sound, forty clips in quadrants, and two examples."""
    folder.mkdir()
    paths = [f"audio/{number:03d}_pop.ogg" for number in range(1, 21)]
    means = RNG.gamma(0.5, 0.2, (20, 1024)).astype(np.float16)
    np.savez(folder / "emotify_yamnet_embeddings.npz", path=paths, mean=means)
    rows = [f"track id,genre,{','.join(GEMS)}"]
    for number in range(1, 21):
        for listener in range(4):
            felt = [(number + place) % 2 == 0 and listener < 3 for place in range(9)]
            rows.append(f"{number},pop,{','.join(str(int(one)) for one in felt)}")
    (folder / "emotify_annotations.csv").write_text("\n".join(rows) + "\n")
    for archive, names in (
        ("emotify.tar", [f"emotify/{Path(path).name}" for path in paths]),
        ("librosa_examples.tar", ["librosa_examples/one.ogg", "librosa_examples/two.ogg"]),
    ):
        with tarfile.open(folder / archive, "w") as tar:
            for name in names:
                sound = folder / "sound.ogg"
                soundfile.write(sound, 0.1 * RNG.standard_normal(10 * 16_000), 16_000)
                tar.add(sound, name)
    clips = [f"audio/Q{1 + place % 4}/{place}.ogg" for place in range(40)]
    lines = ["path,quadrant,artist"] + [
        f"{clip},Q{1 + place % 4},artist {place // 2}" for place, clip in enumerate(clips)
    ]
    (folder / "4q_taffc_manifest.csv").write_text("\n".join(lines) + "\n")
    embeddings = RNG.gamma(0.5, 0.2, (40, 1024))
    for place in range(40):
        embeddings[place, 250 * (place % 4) : 250 * (place % 4 + 1)] += 0.8
    np.savez(folder / "4q_taffc_yamnet_embeddings.npz", path=clips, mean=embeddings.astype(np.float16))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_tags(write_jamendo(folder / "jamendo"))
    write_music(folder / "music")
    return folder


@pytest.fixture(scope="module")
def view() -> TrackView:
    return TrackView(MoodNet(), RNG.gamma(0.5, 0.2, (50, 1024)).astype(np.float32))


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "start_logging", lambda: None)
    monkeypatch.setattr(evaluate, "MoodSettings", lambda **given: replace(QUICK, **given))
    monkeypatch.setattr(tags, "SETTINGS", dict.fromkeys(tags.SETTINGS, QUICK))


def test_quadrants_of_unheard_artists_are_found_and_the_head_answers_as_in_training(
    data: Path, view: TrackView
) -> None:
    clips = valence_arousal.read_quadrant_clips(data / "music")
    problem = valence_arousal.va_problem(view, clips)
    figures = valence_arousal.va_by_artist(problem, clips)
    assert (figures["clips"], figures["artists"]) == (40, 20)
    assert figures["accuracy"] > 0.9
    assert figures["arousal_auc"] > 0.9
    head = valence_arousal.va_head(view, problem)
    answers = evaluate.head_answers(head, clips.inputs[InputKind.EMBEDDING])
    rows = np.arange(40)
    assert answers[:, 2:] == pytest.approx(np.clip(answers_to(problem, rows, rows)[:, 2:], 0, 1), abs=0.02)
    assert np.abs(answers[:, :2]).max() <= 1.0


def test_a_track_is_never_judged_by_what_was_learned_from_its_fold(view: TrackView) -> None:
    features, _ = view.of(RNG.gamma(0.5, 0.2, (12, 1024)).astype(np.float32))
    prior, folds = np.zeros((12, 1)), np.repeat([0, 1, 2], 4)
    targets = RNG.standard_normal((12, 1))
    plain = answers_of_others(KernelProblem(features, targets, prior), folds)
    targets[:4] += 100.0
    swayed = answers_of_others(KernelProblem(features, targets, prior), folds)
    assert np.array_equal(plain[:4], swayed[:4])
    assert (swayed[4:] > plain[4:]).all()


def test_emotions_have_figures_by_track_and_by_leaky_segments(data: Path, view: TrackView) -> None:
    tracks = gems.read_gems(data / "music")
    figures = gems.gems_by_track(gems.gems_problem(view, tracks), tracks)
    assert figures["tracks"] == 20
    assert set(figures["by_label"]) == set(GEMS)
    assert 0.0 <= figures["hamming_loss"] <= 1.0


@pytest.mark.usefixtures("_quick")
def test_heads_are_trained_written_and_measured_from_the_terminal(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, where = tmp_path / "heads", ("--data", data, "--run", tmp_path / "run")
    assert attune(monkeypatch, "train", "heads", *where, "--out", out) == 0
    assert "official test macro pr auc" in capsys.readouterr().out
    for name in TRACK_HEADS:
        head = load_track_head(out / f"{name}.onnx")
        record = json.loads((out / f"{name}.json").read_text())
        assert (head.info.name, head.info.version) == (name, release.VERSION)
        assert record["made"]["command"].startswith("attune train heads")
        assert head.predict(np.zeros((2, 1024), dtype=np.float32)).shape == (2, len(head.info.labels))
    assert load_track_head(out / f"{GENRE_HEAD}.onnx").info.labels == ("folk", "jazz", "rock")
    assert attune(monkeypatch, "evaluate", "heads", *where, "--weights", out, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    kept = json.loads((out / f"{GENRE_HEAD}.json").read_text())["official_test"]
    assert found[GENRE_HEAD]["official_test"]["macro_pr_auc"] == pytest.approx(kept["macro_pr_auc"], abs=1e-3)
    for name in ("gems-head", "va-head"):
        record = json.loads((out / f"{name}.json").read_text())
        assert all(record[part] == figures for part, figures in found[name].items())
    assert found["gems-head"]["by_segment"]["leaky"]["entries"] >= 40
    assert (
        attune(monkeypatch, "evaluate", "heads", *where, "--weights", out, "--head", "va-head", "--csv") == 0
    )
    assert "va-head,by artist accuracy," in capsys.readouterr().out


@pytest.mark.usefixtures("_quick")
def test_missing_data_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--data", tmp_path, "--run", tmp_path / "run", "--out", tmp_path / "heads")
    assert attune(monkeypatch, "train", "heads", *where) != 0
    said = capsys.readouterr().err
    assert "There is no" in said
    assert "Traceback" not in said
