from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("faiss")
pytest.importorskip("pyarrow")

from attune.catalog import nearest as nearest_module
from attune.catalog import search_files
from attune.catalog.nearest import nearest
from attune.catalog.query import parse_query
from attune.catalog.schema import TRACKS
from attune.catalog.search import CatalogFilter, CatalogMatch, search_like, search_words
from attune.catalog.search_files import FOLDER, SearchFiles, StoredPart, open_search_files
from core.errors import CatalogError
from core.settings import Settings
from models.mood.head import load_head
from models.mood.tagger import configured_tagger
from models.track.heads import GENRE_HEAD, INSTRUMENT_HEAD, load_track_head
from tests.attune.catalog.catalog_rows import embeddings, row, write_rows
from tests.paths import DEMO, ROOT
from tests.terminal import Terminal

SETTINGS = Settings()


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """Two files of rows: 60 pieces of music, a silent one and one that could not be read."""
    folder = tmp_path / "catalogue"
    facts = [
        {
            "tempo_bpm": 60.0 + number,
            "key": "A minor" if number % 2 else "C major",
            "mood": "calm",
            "arousal": -0.5,
        }
        for number in range(60)
    ]
    rows = [
        row(f"track-{number:02d}", embedding, **facts[number])
        for number, embedding in enumerate(embeddings(60))
    ]
    broken = row("broken", None, music=None, error="It is no sound.", error_kind="sound")
    write_rows(folder, [*rows[:40], row("silent", None), broken], rows[40:])
    return folder


def found(catalog: Path, text: str, limit: int = 100, **wanted: object) -> list[CatalogMatch]:
    return search_words(
        catalog,
        parse_query(text),
        SETTINGS,
        limit=limit,
        wanted=CatalogFilter(**wanted),  # type: ignore[arg-type]
    )


def names(matches: list[CatalogMatch]) -> list[str]:
    return [Path(match.location).stem for match in matches]


def test_words_are_ordered_by_the_product_of_what_the_heads_answer(catalog: Path) -> None:
    vectors = embeddings(60).astype(np.float32)
    mood, instrument = load_head(), load_track_head(INSTRUMENT_HEAD)
    calm = mood.predict(vectors)[:, mood.info.labels.index("calm")]
    piano = instrument.predict(vectors)[:, instrument.info.labels.index("piano")]
    matches = found(catalog, "calm piano")
    assert len(matches) == 60
    places = [int(name.removeprefix("track-")) for name in names(matches)]
    scores = np.array([match.score for match in matches])
    np.testing.assert_allclose(scores, (calm * piano)[places], rtol=5e-3, atol=1e-6)
    assert (np.diff(scores) <= 0.0).all()
    assert matches[0].fits == pytest.approx({"calm": calm[places[0]], "piano": piano[places[0]]}, rel=2e-3)


def test_a_word_that_is_not_wanted_turns_the_order_round(catalog: Path) -> None:
    piano, none = found(catalog, "piano"), found(catalog, "no piano")
    assert names(none)[0] == names(piano)[-1]
    assert none[0].fits["no piano"] == pytest.approx(1.0 - piano[-1].fits["piano"], abs=1e-3)


def test_the_two_sides_of_an_axis_are_opposite(catalog: Path) -> None:
    lively, quiet = found(catalog, "lively"), found(catalog, "quiet")
    assert names(lively)[0] == names(quiet)[-1]
    assert lively[0].score + quiet[-1].score == pytest.approx(1.0, abs=1e-3)


def test_what_is_silent_or_broken_is_never_found(catalog: Path) -> None:
    assert not {"silent", "broken"} & set(names(found(catalog, "no piano")))


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({"tempo_bpm": (60.0, 69.5)}, 10),
        ({"keys": frozenset({"A minor"})}, 30),
        ({"keys": frozenset({"A minor", "C major"}), "tempo_bpm": (70.0, 71.0)}, 2),
        ({"moods": frozenset({"sad"})}, 0),
        ({"duration_s": (0.0, 60.0)}, 0),
        ({"duration_s": (60.0, 180.0)}, 60),
        ({"energy": (-1.0, 0.0)}, 60),
    ],
)
def test_filters_leave_only_what_is_known_to_fit(
    catalog: Path, wanted: dict[str, object], count: int
) -> None:
    assert len(found(catalog, "calm", **wanted)) == count


def test_a_genre_counts_from_its_threshold_on(catalog: Path) -> None:
    head = load_track_head(GENRE_HEAD)
    column = head.info.labels.index("electronic")
    answers = head.predict(embeddings(60).astype(np.float32))[:, column].astype(np.float16)
    expected = {f"track-{number:02d}" for number in np.flatnonzero(answers >= head.info.thresholds[column])}
    assert set(names(found(catalog, "calm", genres=frozenset({"electronic"})))) == expected


def test_a_tempo_in_words_is_a_filter(catalog: Path) -> None:
    assert len(found(catalog, "100 bpm")) == 9
    assert len(found(catalog, "slow tempo calm")) == 31
    assert len(found(catalog, "no slow tempo")) == 29


def test_a_tempo_finds_nothing_where_none_is_known_and_that_is_said(tmp_path: Path) -> None:
    write_rows(tmp_path / "catalogue", [row("one", embeddings(1)[0])])
    with pytest.raises(CatalogError, match="The tempo of no track is known"):
        found(tmp_path / "catalogue", "fast tempo")


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"moods": frozenset({"cheerful"})}, "'cheerful' is no leading mood: name one of happy"),
        ({"genres": frozenset({"polka"})}, "'polka' is no genre"),
    ],
)
def test_a_filter_that_names_what_is_unknown_is_refused(
    catalog: Path, wanted: dict[str, object], sentence: str
) -> None:
    with pytest.raises(CatalogError, match=sentence):
        found(catalog, "calm", **wanted)


def test_what_was_added_since_is_found_and_only_that_is_read(catalog: Path) -> None:
    found(catalog, "calm")
    steps: list[tuple[str, int, int]] = []
    write_rows(catalog, [row("new", embeddings(1, seed=9)[0])])
    with open_search_files(catalog, lambda *step: steps.append(step)) as files:
        assert files.rows == 63
    assert steps == [("Reading the catalogue", 63, 63)]
    assert "new" in names(found(catalog, "calm"))


def test_a_first_search_that_is_broken_off_is_gone_on_with(
    catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken_off(_what: str, done: int, _total: int) -> None:
        if done == 62:
            raise KeyboardInterrupt

    monkeypatch.setattr(search_files, "_PARTS_AT_ONCE", 1)
    with pytest.raises(KeyboardInterrupt), open_search_files(catalog, broken_off):
        pass
    steps: list[tuple[str, int, int]] = []
    with open_search_files(catalog, lambda *step: steps.append(step)):
        assert steps == [("Reading the catalogue", 62, 62)]
    assert len(found(catalog, "calm")) == 60


def test_a_row_that_was_analysed_anew_replaces_the_old_one(catalog: Path) -> None:
    found(catalog, "calm piano jazz")
    write_rows(catalog, [row("track-05", embeddings(1, seed=9)[0], tempo_bpm=200.0)])
    matches = found(catalog, "calm piano jazz")
    assert len(matches) == 60
    assert names([match for match in matches if match.tempo_bpm == 200.0]) == ["track-05"]
    # As if the search had been the first one.
    for file in (catalog / FOLDER).iterdir():
        file.unlink()
    assert found(catalog, "calm piano jazz") == matches


@pytest.mark.parametrize("damage", ["cut", "state", "gone", "longer"])
def test_damaged_files_of_searches_are_made_again(catalog: Path, damage: str) -> None:
    before = found(catalog, "calm piano")
    folder = catalog / FOLDER
    for file in folder.iterdir():
        match damage:
            case "cut":
                file.write_bytes(file.read_bytes()[:-7])
            case "state" if file.suffix == ".json":
                file.write_text('{"form": 1, "parts": 3}')
            case "gone":
                file.unlink()
            case "longer" if file.suffix != ".json":
                file.write_bytes(file.read_bytes() + b"1234567")
    assert found(catalog, "calm piano") == before


def test_rows_that_an_analysis_has_just_replaced_are_never_shown_as_others(
    catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracks = [row(f"track-{number:02d}", one) for number, one in enumerate(embeddings(10))]
    with open_search_files(catalog) as files:
        write_rows(catalog, tracks[:5])  # the first file loses five rows, and the others move up
        with pytest.raises(CatalogError, match=r"has just changed .*: search again"):
            files.stored(np.array([10, 11]), ["name"])

    parts = SearchFiles._parts

    def changed_after(files: SearchFiles) -> list[StoredPart]:
        before = parts(files)
        write_rows(catalog, tracks[5:])
        return before

    with monkeypatch.context() as patch:
        patch.setattr(SearchFiles, "_parts", changed_after)
        with pytest.raises(CatalogError, match=r"has just changed .*: search again"):
            found(catalog, "calm")
    assert len(found(catalog, "calm")) == 60


def test_the_example_in_the_documentation_finds_slow_and_calm_tracks(
    catalog: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pandas")
    text = (ROOT / "docs" / "catalog.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(catalog.parent)  # it opens "catalogue/tracks"
    exec(example, {})
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [float(line.split()[-1]) for line in lines] == [60.0 + number for number in range(30)]


def test_no_catalogue_is_one_sentence_and_the_folder_stays_empty(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="There is no catalogue in"):
        found(tmp_path, "calm")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_of_rows_is_named(catalog: Path) -> None:
    part = sorted((catalog / TRACKS).rglob("*.parquet"))[0]
    part.write_bytes(b"PAR1 not at all")
    with pytest.raises(CatalogError, match=part.name):
        found(catalog, "calm")


def test_a_folder_that_cannot_be_written_is_named(catalog: Path) -> None:
    (catalog / FOLDER).write_text("")
    with pytest.raises(CatalogError, match="which a search needs, cannot be written"):
        found(catalog, "calm")


def brute_force(vectors: np.ndarray, query: np.ndarray, number: int) -> list[int]:
    vectors, query = vectors.astype(np.float64), query.astype(np.float64)
    cosines = vectors @ query / np.linalg.norm(vectors, axis=1) / np.linalg.norm(query)
    return np.argsort(-cosines, kind="stable")[:number].tolist()


def test_the_nearest_are_those_of_every_comparison(catalog: Path) -> None:
    vectors, query = embeddings(60), embeddings(1, seed=5)[0]
    with open_search_files(catalog) as files:
        rows, cosines = nearest(files, query, 10, files.facts()["music"])
        tracks = files.stored(rows, ["name"])
    assert [one["name"] for one in tracks] == [
        f"track-{place:02d}" for place in brute_force(vectors, query, 10)
    ]
    assert (np.diff(cosines) <= 0.0).all()


@pytest.fixture
def large(tmp_path: Path) -> tuple[Path, np.ndarray]:
    vectors = embeddings(6_000)
    write_rows(tmp_path / "large", [row(f"{number:04d}", one) for number, one in enumerate(vectors)])
    return tmp_path / "large", vectors


def overlap(files: SearchFiles, vectors: np.ndarray, wanted: np.ndarray) -> float:
    """Share of the ten nearest that the index finds, over 20 queries."""
    queries = embeddings(20, seed=7)
    allowed = np.flatnonzero(wanted)
    hits = [
        len(
            set(nearest(files, one, 10, wanted, exact=100)[0])
            & set(allowed[brute_force(vectors[allowed], one, 10)])
        )
        for one in queries
    ]
    return sum(hits) / 200.0


def test_above_the_exact_size_an_index_is_made_once_and_grows(
    large: tuple[Path, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog, vectors = large
    monkeypatch.setattr(nearest_module, "_PROBED", 4)
    with open_search_files(catalog) as files:
        wanted = np.array(files.facts()["music"])
        assert overlap(files, vectors, wanted) >= 0.9
        assert files.indexed == 6_000
        index = files.folder / nearest_module.INDEX_FILE
        made = index.stat().st_mtime_ns
        assert overlap(files, vectors, wanted & (np.arange(6_000) % 2 == 0)) >= 0.85  # a filter
        assert index.stat().st_mtime_ns == made
    few = embeddings(50, seed=7)  # the very queries
    write_rows(catalog, [row(f"few-{number}", one) for number, one in enumerate(few)])
    with open_search_files(catalog) as files:
        rows, cosines = nearest(files, few[3], 1, np.array(files.facts()["music"]), exact=100)
        assert (rows.tolist(), files.indexed) == ([6_003], 6_000)  # compared beside the index
        assert cosines[0] == pytest.approx(1.0, abs=1e-3)
    many = embeddings(900, seed=8)
    write_rows(catalog, [row(f"many-{number}", one) for number, one in enumerate(many)])
    with open_search_files(catalog) as files:
        rows, _ = nearest(files, many[800], 1, np.array(files.facts()["music"]), exact=100)
        assert (rows.tolist(), files.indexed) == ([6_850], 6_950)  # taken in


def test_a_damaged_index_is_made_again(large: tuple[Path, np.ndarray]) -> None:
    catalog, vectors = large
    with open_search_files(catalog) as files:
        wanted = np.array(files.facts()["music"])
        before, _ = nearest(files, vectors[7], 5, wanted, exact=100)
        (files.folder / nearest_module.INDEX_FILE).write_bytes(b"IxPT and nothing more")
        after, _ = nearest(files, vectors[7], 5, wanted, exact=100)
    assert before[0] == after[0] == 7


def test_like_needs_music_and_the_catalogue_s_backbone(catalog: Path, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="There is no"):
        search_like(catalog, str(tmp_path / "missing.wav"), SETTINGS)
    identity = catalog / "catalog.json"
    stored = json.loads(identity.read_text())
    identity.write_text(json.dumps(stored | {"backbone": "another"}))
    with pytest.raises(CatalogError, match="another mood backbone"):
        search_like(catalog, str(tmp_path / "missing.wav"), SETTINGS)


@pytest.fixture
def command(catalog: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    return Terminal(capsys, monkeypatch, "catalog", "search", "--catalog", str(catalog))


def test_the_command_prints_tables_json_and_csv(command: Terminal) -> None:
    code, out, _ = command("calm piano", "-n", "2")
    assert code == 0
    assert "track-" in out
    _, out, _ = command("calm piano", "-n", "2", "--json", "--key", "a minor", "--tempo", "60,90")
    tracks = json.loads(out)
    assert [track["key"] for track in tracks] == ["A minor", "A minor"]
    assert set(tracks[0]["fits"]) == {"calm", "piano"}
    _, out, _ = command("calm piano", "-n", "2", "--csv")
    assert len(out.splitlines()) == 3
    _, out, err = command("calm", "--mood", "sad")
    assert "No track fits: ask for less." in err


def test_the_words_are_listed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    _, out, _ = Terminal(capsys, monkeypatch, "catalog", "words")("--json")
    assert {"kind": "genre", "word": "hip-hop"} in json.loads(out)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["calm pianno"], "did you mean 'piano'"),
        ([], "either words or --like"),
        (["calm", "--like", "song.mp3"], "either words or --like"),
        (["calm", "--tempo", "fast"], "'fast' is not LOW,HIGH"),
    ],
)
def test_wrong_commands_are_one_sentence(command: Terminal, arguments: list[str], sentence: str) -> None:
    code, out, err = command(*arguments)
    assert code != 0
    assert out == ""
    assert sentence in " ".join(err.replace("│", " ").split())


def test_a_sound_finds_its_like_but_not_itself(catalog: Path, tmp_path: Path) -> None:
    demo = configured_tagger(SETTINGS).embed(DEMO)
    assert demo.mood.has_music
    rng = np.random.default_rng(3)
    near = demo.mean * rng.normal(1.0, 0.1, len(demo.mean))
    write_rows(catalog, [row("near", near), row("demo", demo.mean, location=str(DEMO))])
    matches = search_like(catalog, str(DEMO), SETTINGS, limit=3)
    assert names(matches)[0] == "near"
    assert matches[0].score == pytest.approx(0.995, abs=0.01)
    assert str(DEMO) not in {match.location for match in matches}
    noise = tmp_path / "silence.wav"
    soundfile.write(noise, np.zeros(32_000), 16_000)
    with pytest.raises(CatalogError, match="holds no music"):
        search_like(catalog, str(noise), SETTINGS)
