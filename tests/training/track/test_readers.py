"""Published data of tracks, invented in their own forms: what is read, and what is wrong entry by entry."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from core.errors import DataError
from models.track.tasks import InputKind, TaskKind
from tests.training.track.prepared_music import embeddings, prepared
from training.track.dataset import TrackDataset
from training.track.readers import emotify, quadrants, tables
from training.track.readers.any_form import DatasetForm, ReadOptions, form_of, read_tracks
from training.track.readers.emotify import GEMS, read_emotify
from training.track.readers.inputs import open_inputs
from training.track.readers.jamendo import read_jamendo_tracks
from training.track.readers.valence_arousal import read_valence_arousal

DEAM = "song_id, valence_mean, valence_std, arousal_mean, arousal_std\n2,1.0,0.94,9,0.63\n3,5,1.75,3.0,1.62\n"
DEAM_LATER = (
    "song_id, valence_mean, valence_std, valence_ max_mean, valence_max_std, arousal_mean, arousal_std\n"
    "2001,3.0,0.9,5.0,1.4,7.0,0.8\n"
)
EMOMUSIC = (
    '"song_id","mean_arousal","std_arousal","mean_valence","std_valence"\n2,3.1,0.99,3.0,0.67\n5,9,1,1,1\n'
)
PMEMO = "musicId,Arousal(mean),Valence(mean)\n2,0.4,0.575\n4,0.2625,0.2875\n"
GEMS_HEADER = "track id,genre," + ",".join(GEMS) + ",mood,liked"


def table(path: Path, rows: Sequence[str], *, dim: int = 2, key: str = "path", seed: int = 0) -> Path:
    """A file of embeddings by these names."""
    random = np.random.default_rng(seed)
    shape = (len(rows), 1024) if dim == 2 else (len(rows), 40, 1024)
    names = np.array(rows) if key == "path" else np.array([int(row) for row in rows], dtype=np.int32)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        path, **{key: names, "mean" if dim == 2 else "embeddings": random.random(shape).astype(np.float16)}
    )
    return path


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def reasons(dataset: TrackDataset) -> str:
    return " | ".join(f"{fault.entry}: {fault.reason}" for fault in dataset.faults)


# Valence and arousal


def test_deam_is_read_from_its_own_folders(tmp_path: Path) -> None:
    songs = tmp_path / "annotations" / "annotations averaged per song" / "song_level"
    write(songs / "static_annotations_averaged_songs_1_2000.csv", DEAM)
    write(songs / "static_annotations_averaged_songs_2000_2058.csv", DEAM_LATER)
    write(
        tmp_path / "metadata" / "metadata_2013.csv",
        "song_id,file_name,Artist,Song title\n2,2.mp3,X,a\n3,3.mp3,X,b\n",
    )
    write(tmp_path / "annotations per each rater" / "2.csv", "WorkerId, valence, arousal\nw,1,2\n")
    where = open_inputs(
        table(tmp_path / "e.npz", ["MEMD_audio/2.mp3", "MEMD_audio/3.mp3", "MEMD_audio/2001.mp3"])
    )
    dataset = read_valence_arousal(tmp_path, where)
    assert dataset.names == ("2", "3", "2001")
    assert dataset.groups == ("artist X", "artist X", "2001")
    assert dataset.tasks[0].kind is TaskKind.REGRESSION
    assert dataset.targets["va"].tolist() == [[0.0, 1.0], [0.5, 0.25], [0.25, 0.75]]
    assert dataset.inputs[InputKind.EMBEDDING].shape == (3, 1024)
    assert dataset.faults == ()


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        (EMOMUSIC, "static_annotations.csv", [[0.25, 0.2625], [0.0, 1.0]]),
        (PMEMO, "static_annotations.csv", [[0.575, 0.4], [0.2875, 0.2625]]),
    ],
)
def test_emomusic_and_pmemo_have_columns_and_scales_of_their_own(
    tmp_path: Path, text: str, name: str, expected: list[list[float]]
) -> None:
    write(tmp_path / name, text)
    write(tmp_path / "static_annotations_std.csv", "musicId,Arousal(std),Valence(std)\n2,0.1,0.1\n")
    dataset = read_valence_arousal(tmp_path, open_inputs(table(tmp_path / "e.npz", ["2", "4", "5"])))
    assert dataset.targets["va"] == pytest.approx(np.array(expected))


def test_sides_of_emomusic_are_those_of_its_benchmark(tmp_path: Path) -> None:
    write(tmp_path / "static_annotations.csv", EMOMUSIC)
    write(tmp_path / "songs_info.csv", "song_id,Artist,Mediaeval 2013 set\n2,A,development\n5,B,evaluation\n")
    dataset = read_valence_arousal(tmp_path, open_inputs(table(tmp_path / "e.npz", ["2", "5"])))
    assert dataset.sides == ("train", "test")


def test_wrong_annotations_are_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    rows = "4,10,1,5,1\n5,x,1,5,1\n6,5,1\n,5,1,5,1\n7,nan,1,5,1\n2,5,1,5,1\n9,5,1,5,1\n"
    path = write(tmp_path / "a.csv", DEAM + rows)
    dataset = read_valence_arousal(
        path, open_inputs(table(tmp_path / "e.npz", ["2", "3", "4", "5", "6", "7"]))
    )
    assert dataset.names == ("2", "3")
    for part in (
        "4: has valence '10'",
        "5: has valence 'x'",
        "6: has",
        "7: has valence 'nan'",
        "2: is in a.csv twice",
    ):
        assert part in reasons(dataset)
    assert "a line without a number" in reasons(dataset)
    assert "9: has nothing in" in reasons(dataset)


def test_two_corpora_in_one_folder_are_not_mixed(tmp_path: Path) -> None:
    write(tmp_path / "deam.csv", DEAM)
    write(tmp_path / "emomusic.csv", EMOMUSIC)
    where = open_inputs(table(tmp_path / "e.npz", ["2", "3"]))
    with pytest.raises(DataError, match="both tell of the song 2"):
        read_valence_arousal(tmp_path, where)
    assert len(read_valence_arousal(tmp_path / "deam.csv", where).names) == 2


def write_dynamic(folder: Path) -> Path:
    """Songs of 15 to 24.5 s at 2 Hz; the second has no end."""
    times = range(15_000, 25_000, 500)
    header = "song_id," + ",".join(f"sample_{time}ms" for time in times)
    for axis, base in (("valence", 0.0), ("arousal", 0.5)):
        rising = ",".join(f"{base + place / 40:.3f}" for place in range(len(times)))
        short = ",".join([*(["-0.5"] * 10), *([""] * 10)])
        write(
            folder / "dynamic (per second annotations)" / f"{axis}.csv", f"{header}\n2,{rising}\n3,{short}\n"
        )
        write(folder / f"{axis}_cont_std.csv", f"{header}\n2,{rising}\n3,{short}\n")
    return folder


def test_annotations_over_time_are_averaged_over_windows(tmp_path: Path) -> None:
    prepared(tmp_path / "prepared", ["2.mp3", "3.mp3"])
    for seed in range(2):
        np.save(
            tmp_path / "prepared" / "embeddings" / f"{seed + 2}_embedding.npy", embeddings(seed, steps=30)
        )
        np.save(
            tmp_path / "prepared" / "spectrograms" / f"{seed + 2}_spectrogram.npy",
            np.tile(np.arange(900.0), (128, 1)),
        )
    dataset = read_valence_arousal(write_dynamic(tmp_path), open_inputs(tmp_path / "prepared"), window_s=5.0)
    assert dataset.names == ("2@15s", "2@20s", "3@15s")
    assert dataset.groups == ("2", "2", "3")
    # The mean of 0 to 9, and of 10 to 19, fortieths; -1 to 1 becomes 0 to 1.
    expected = [[0.5 + 4.5 / 80, 0.75 + 4.5 / 80], [0.5 + 14.5 / 80, 0.75 + 14.5 / 80], [0.25, 0.25]]
    assert dataset.targets["va"] == pytest.approx(np.array(expected), abs=1e-3)
    assert dataset.inputs[InputKind.EMBEDDINGS].shape == (3, 5, 1024)
    assert np.array_equal(dataset.inputs[InputKind.EMBEDDINGS][0], embeddings(0, steps=30)[16:21])
    assert dataset.inputs[InputKind.SPECTROGRAM][0, 0, 0] == round(15.0 * 31.25)
    assert InputKind.FEATURES not in dataset.inputs
    with pytest.raises(DataError, match="Windows of 0 s"):
        read_valence_arousal(tmp_path, open_inputs(tmp_path / "prepared"), window_s=0.0)
    with pytest.raises(DataError, match="Windows are segments already"):
        read_valence_arousal(tmp_path, open_inputs(tmp_path / "prepared"), window_s=5.0, segment_s=5.0)


def test_moments_of_pmemo_are_read_too(tmp_path: Path) -> None:
    lines = [f"{song},{time / 2},{0.1 * song},0.5" for song in (1, 2) for time in range(30, 50)]
    write(
        tmp_path / "dynamic_annotations.csv",
        "musicId,frameTime,Arousal(mean),Valence(mean)\n" + "\n".join([*lines, "3,x,1,1"]),
    )
    where = open_inputs(table(tmp_path / "e.npz", ["1", "2"], dim=3))
    dataset = read_valence_arousal(tmp_path, where, window_s=5.0)
    assert dataset.names == ("1@15s", "1@20s", "2@15s", "2@20s")
    assert dataset.targets["va"][2].tolist() == pytest.approx([0.5, 0.2])
    assert dataset.faults[0].entry == "3"


@pytest.mark.parametrize("window_s", [None, 5.0])
def test_a_folder_without_annotations_is_one_sentence(tmp_path: Path, window_s: float | None) -> None:
    write(tmp_path / "a.csv", "x,y\n1,2\n")
    with pytest.raises(DataError, match="There are no"):
        read_valence_arousal(tmp_path, open_inputs(table(tmp_path / "e.npz", ["1"])), window_s=window_s)


# Emotify


def gems(*names: str) -> str:
    return ",".join(str(int(name in names)) for name in GEMS)


def test_opinions_of_listeners_are_aggregated_by_track(tmp_path: Path) -> None:
    lines = [
        f"1,classical,{gems('power', 'tension')},3,1",
        f"1,classical,{gems('power')},3,1",
        f"1,classical,{gems('sadness')},3,1",
        f"1,classical,{gems('power')},3,1",
        f"2,rock,{gems('calmness')},3,1",
    ]
    write(tmp_path / "data.csv", "\n".join([GEMS_HEADER, *lines]))
    where = open_inputs(table(tmp_path / "e.npz", ["audio/001_classical.ogg", "audio/002_rock.ogg"]))
    dataset = read_emotify(tmp_path, where, share=0.5, shares=True, genre=True)
    assert dataset.names == ("1", "2")
    assert [(task.name, task.kind) for task in dataset.tasks] == [
        ("gems", TaskKind.MULTI_LABEL),
        ("gems_shares", TaskKind.REGRESSION),
        ("genre", TaskKind.SINGLE_LABEL),
    ]
    assert [GEMS[place] for place in np.flatnonzero(dataset.targets["gems"][0])] == ["power"]
    assert dataset.targets["gems_shares"][0, GEMS.index("sadness")] == 0.25
    assert dataset.targets["genre"].tolist() == [0, 1]
    quarter = read_emotify(tmp_path, where, share=0.25).targets["gems"][0]
    assert {GEMS[place] for place in np.flatnonzero(quarter)} == {"power", "tension", "sadness"}
    both = read_tracks(tmp_path, ReadOptions(inputs=tmp_path / "e.npz"))
    assert [task.name for task in both.tasks] == ["gems", "genre"]
    assert both.groups == ("1", "2")


def test_one_row_a_track_is_read_as_it_is(tmp_path: Path) -> None:
    shares = ("0.1,0.9," + "0.0," * 7)[:-1]
    write(
        tmp_path / "data.csv", f"Track ID, Genre, {', '.join(GEMS)}\n1,pop,{shares}\n2,pop,{gems('power')}\n"
    )
    dataset = read_emotify(tmp_path, open_inputs(table(tmp_path / "e.npz", ["1.mp3", "2.mp3"])))
    assert [np.flatnonzero(row).tolist() for row in dataset.targets["gems"]] == [[1], [5]]


def test_folders_of_genres_that_count_from_1_are_matched_in_order(tmp_path: Path) -> None:
    lines = [f"{n},{'classical' if n < 12 else 'rock'},{gems(GEMS[n % 9])}" for n in range(1, 23)]
    write(tmp_path / "data.csv", "\n".join([GEMS_HEADER.rsplit(",", 2)[0], *lines]))
    names = [f"{genre}/{n}.mp3" for genre in ("rock", "classical") for n in range(1, 12)]
    prepared(tmp_path / "prepared", names)
    dataset = read_tracks(tmp_path)
    where = open_inputs(tmp_path / "prepared")
    assert len(dataset.names) == 22
    for name, key in (("2", "classical/2"), ("11", "classical/11"), ("12", "rock/1"), ("22", "rock/11")):
        mean = np.load(where.files[key].embedding).mean(axis=0)
        assert np.allclose(dataset.inputs[InputKind.EMBEDDING][dataset.names.index(name)], mean)


def test_wrong_lines_of_emotify_are_told(tmp_path: Path) -> None:
    lines = [
        f"1,pop,{gems('power')}",
        f"x,pop,{gems()}",
        "2,pop,1,1",
        "2,pop," + "7," * 9,
        f"3,pop,{gems('calmness')}",
    ]
    write(tmp_path / "data.csv", "\n".join([GEMS_HEADER, *lines]))
    dataset = read_emotify(tmp_path, open_inputs(table(tmp_path / "e.npz", ["1", "2", "3"])))
    assert dataset.names == ("1", "3")
    assert [fault.entry for fault in dataset.faults] == [f"data.csv, line {line}" for line in (3, 4, 5)]


def test_what_is_not_emotify_is_one_sentence(tmp_path: Path) -> None:
    where = open_inputs(table(tmp_path / "e.npz", ["1"]))
    with pytest.raises(DataError, match="no annotations of Emotify"):
        read_emotify(tmp_path, where)
    with pytest.raises(DataError, match="no column solemnity"):
        read_emotify(write(tmp_path / "a.csv", "track id,amazement\n1,1\n"), where)
    with pytest.raises(DataError, match="share of listeners of 2"):
        read_emotify(tmp_path, where, share=2.0)


# MTG-Jamendo


def write_split(folder: Path, task: str, prefix: str, sides: dict[str, list[tuple[int, int, str]]]) -> None:
    for side, rows in sides.items():
        lines = ["TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS"]
        for track, artist, tags in rows:
            cells = "\t".join(f"{prefix}{tag}" for tag in tags.split())
            lines.append(f"track_{track:07d}\tartist_{artist:06d}\talbum_1\t1/{track}.mp3\t9.9\t{cells}")
        (folder / f"split0_{task}-{side}.tsv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))


@pytest.fixture
def jamendo(tmp_path: Path) -> Path:
    sides = {
        "train": [(1, 1, "rock pop"), (2, 2, "pop"), (9, 9, "pop")],
        "validation": [(3, 3, "rock")],
        "test": [(4, 4, "rock jazz")],
    }
    write_split(tmp_path, "genre", "genre---", sides)
    sides = {
        "train": [(1, 1, "piano"), (5, 5, "drums")],
        "validation": [(3, 3, "drums")],
        "test": [(6, 6, "piano")],
    }
    write_split(tmp_path, "instrument", "instrument---", sides)
    table(tmp_path / "yamnet_embeddings.npz", [str(number) for number in range(1, 8)], key="ids")
    with np.load(tmp_path / "yamnet_embeddings.npz") as content:
        ids, rows = content["ids"], content["mean"]
    rows[1] = rows[3]  # track 2 sounds like track 4
    np.savez(tmp_path / "yamnet_embeddings.npz", ids=ids, embeddings=rows)
    return tmp_path


def test_official_sides_artists_and_tags_of_several_tasks(jamendo: Path) -> None:
    dataset = read_jamendo_tracks(jamendo, tasks=("genre", "instrument"))
    assert dataset.names == tuple(f"track_{number:07d}" for number in (1, 3, 4, 5, 6))
    assert dataset.sides == ("train", "validation", "test", "train", "test")
    assert dataset.groups[0] == "artist_000001"
    # What the training side never has cannot be learned.
    assert [task.labels for task in dataset.tasks] == [("pop", "rock"), ("drums", "piano")]
    assert dataset.targets["genre"][:3].tolist() == [[1, 1], [0, 1], [0, 1]]
    assert np.isnan(dataset.targets["genre"][3:]).all()
    assert np.isnan(dataset.targets["instrument"][2]).all()
    assert "track_0000002: sounds like a test track" in reasons(dataset)
    assert "1 of 7 tracks have nothing" in reasons(dataset)


def test_tasks_of_jamendo_are_those_whose_files_are_there(jamendo: Path) -> None:
    for path in jamendo.glob("split0_instrument-*"):
        path.unlink()
    assert [task.name for task in read_tracks(jamendo).tasks] == ["genre"]
    with pytest.raises(DataError, match="no embeddings over time to cut"):
        read_tracks(jamendo, ReadOptions(segment_s=5.0))


def test_damaged_files_of_jamendo_are_named(jamendo: Path) -> None:
    path = jamendo / "split0_genre-test.tsv.gz"
    for content, said in (
        (b"no gzip", "damaged"),
        (gzip.compress(b"TRACK_ID\tARTIST_ID\t\ntrack_1\tartist_1\ta\tp\t1\tmood---x"), "line 2"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=said):
            read_jamendo_tracks(jamendo, tasks=("genre",))
    path.unlink()
    with pytest.raises(DataError, match="There is no"):
        read_jamendo_tracks(jamendo, tasks=("genre",))
    with pytest.raises(DataError, match="There is no task"):
        read_jamendo_tracks(jamendo, tasks=("tempo",))


def test_a_track_on_two_sides_is_refused(jamendo: Path) -> None:
    rows = {"train": [(3, 3, "piano")], "validation": [(5, 5, "drums")], "test": [(6, 6, "piano")]}
    write_split(jamendo, "instrument", "instrument---", rows)
    with pytest.raises(DataError, match="Track 3 stands in validation and in train"):
        read_jamendo_tracks(jamendo, tasks=("genre", "instrument"))


# Four quadrants


def test_folders_of_quadrants_are_labels(tmp_path: Path) -> None:
    prepared(
        tmp_path / "prepared",
        [f"Dataset/{name}/{n}.mp3" for name in quadrants.QUADRANTS for n in range(2)] + ["x.mp3"],
    )
    for name in quadrants.QUADRANTS:
        (tmp_path / "Dataset" / name).mkdir(parents=True)
    dataset = read_tracks(tmp_path)
    assert dataset.targets["quadrant"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert dataset.targets["axes"][::2].tolist() == [[1, 1], [0, 1], [0, 0], [1, 0]]
    assert reasons(dataset).startswith("x: lies in none of the folders")


def test_the_table_of_quadrants_keeps_artists_together(tmp_path: Path) -> None:
    text = "path,song,quadrant,artist\naudio/Q1/a.ogg,a,Q1,X\naudio/Q2/b.ogg,b,q2,X\naudio/Q3/c.ogg,c,Q5,Y\n"
    write(tmp_path / "4q_taffc_manifest.csv", text)
    table(tmp_path / "4q_taffc_yamnet_embeddings.npz", ["audio/Q1/a.ogg", "audio/Q2/b.ogg", "audio/Q3/c.ogg"])
    dataset = read_tracks(tmp_path)
    assert dataset.groups == ("artist X", "artist X")
    assert dataset.targets["quadrant"].tolist() == [0, 1]
    assert "audio/Q3/c.ogg: its quadrant is 'Q5'" in reasons(dataset)


# All of them


def test_the_form_is_told_by_the_files(tmp_path: Path, jamendo: Path) -> None:
    assert form_of(jamendo) is DatasetForm.JAMENDO
    assert form_of(prepared(tmp_path / "m", ["a.mp3"])) is DatasetForm.MANIFEST
    assert form_of(tmp_path / "m") is DatasetForm.MANIFEST
    assert form_of(write(tmp_path / "deam" / "a" / "static.csv", DEAM)) is DatasetForm.VALENCE_AROUSAL
    assert form_of(tmp_path / "deam") is DatasetForm.VALENCE_AROUSAL
    assert form_of(write_dynamic(tmp_path / "dynamic")) is DatasetForm.VALENCE_AROUSAL
    assert form_of(write(tmp_path / "e" / "data.csv", GEMS_HEADER)) is DatasetForm.EMOTIFY
    for path, said in (
        (tmp_path / "none", "There is no"),
        (write(tmp_path / "x.csv", "a,b\n"), "Nothing in"),
    ):
        with pytest.raises(DataError, match=said):
            form_of(path)


def test_labels_without_inputs_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="attune features preprocess"):
        read_tracks(write(tmp_path / "static.csv", DEAM))
    where = table(tmp_path / "e.npz", ["2", "3"])
    assert len(read_tracks(tmp_path / "static.csv", ReadOptions(inputs=where)).names) == 2


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({}, "holds no embeddings"),
        ({"path": np.array(["a"])}, "holds no embeddings"),
        ({"path": np.array(["a"]), "mean": np.zeros((1, 5))}, "holds no embeddings"),
        ({"path": np.array(["a", "b"]), "mean": np.zeros((1, 1024))}, r"\(2,\) names for 1"),
        ({"path": np.array([{}]), "mean": np.zeros((1, 1024))}, "damaged"),
    ],
)
def test_a_file_that_holds_no_embeddings_is_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray], said: str
) -> None:
    np.savez(tmp_path / "e.npz", allow_pickle=True, **arrays)
    with pytest.raises(DataError, match=said):
        open_inputs(tmp_path / "e.npz")


def test_an_embedding_that_is_no_number_is_told(tmp_path: Path) -> None:
    rows = np.zeros((3, 1024), dtype=np.float32)
    rows[1, 5] = np.nan
    np.savez(tmp_path / "e.npz", path=np.array(["2", "3", "2001"]), mean=rows)
    write(tmp_path / "static.csv", DEAM + "2001,5,1,5,1\n")
    dataset = read_tracks(tmp_path / "static.csv", ReadOptions(inputs=tmp_path / "e.npz"))
    assert dataset.names == ("2", "2001")
    assert "3: its embedding in" in reasons(dataset)


def test_tables_that_are_none_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes(b"song_id\xff\n")
    for path, said in (
        (tmp_path / "latin.csv", "UTF-8"),
        (write(tmp_path / "empty.csv", ""), "empty"),
        (tmp_path, "cannot be read"),
    ):
        with pytest.raises(DataError, match=said):
            tables.read_table(path)
    assert tables.read_columns(tmp_path) == ()
    assert emotify.is_emotify(tables.read_columns(tmp_path / "latin.csv")) is False
