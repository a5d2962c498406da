"""The public layouts: what names say, and that names which do not fit are reported."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from core.errors import DataError
from tests.training.data.small_corpora import write_tone
from training.data.importers import import_bundle, import_layout
from training.data.layouts import LAYOUTS, emotion_in_name
from training.data.manifest import ManifestRow, is_label, write_manifest
from training.data.sources import open_source, read_encoded, rebase

EXPECTED = {
    "ravdess": [
        (
            "Actor_12/03-01-06-01-02-01-12.wav",
            "ravdess_speech",
            "Actor_12",
            "fearful",
            "female",
            "normal",
            "en",
        ),
        ("Actor_01/03-02-02-02-01-02-01.wav", "ravdess_song", "Actor_01", "calm", "male", "strong", "en"),
    ],
    "crema_d": [
        ("AudioWAV/1001_DFA_ANG_XX.wav", "crema_d", "1001", "angry", "male", "unspecified", "en"),
        ("AudioWAV/1002_IEO_HAP_LO.wav", "crema_d", "1002", "happy", "female", "low", "en"),
        ("AudioWAV/1040_ITH_SAD_X.wav", "crema_d", "1040", "sad", "", "unspecified", "en"),
    ],
    "emodb": [
        ("wav/03a01Fa.wav", "emodb", "03", "happy", "male", "", "de"),
        ("wav/08b10Lc.wav", "emodb", "08", "other:boredom", "female", "", "de"),
    ],
    "tess": [
        ("OAF_angry/OAF_back_angry.wav", "tess", "OAF", "angry", "female", "", "en"),
        ("YAF_pleasant_surprised/YAF_dog_ps.wav", "tess", "YAF", "surprised", "female", "", "en"),
        ("OAF_neutral/OA_bite_neutral.wav", "tess", "OAF", "neutral", "female", "", "en"),
    ],
    "savee": [
        ("DC/a01.wav", "savee", "DC", "angry", "male", "", "en"),
        ("KL_su15.wav", "savee", "KL", "surprised", "male", "", "en"),
        ("JE/sa09.wav", "savee", "JE", "sad", "male", "", "en"),
    ],
}
RUBBISH = {
    "ravdess": [
        "03-01-09-01-01-01-01.wav",
        "Actor_01/03-02-07-01-01-01-01.wav",
        "Actor_01/take one.wav",
    ],
    "crema_d": ["AudioWAV/1001_DFA_BOR_XX.wav", "AudioWAV/1001_DFA_ANG.wav"],
    "emodb": ["wav/03a01Xa.wav", "wav/07a01Fa.wav"],
    "tess": ["OAF_angry/OAF_back_bored.wav", "XAF_back_angry.wav"],
    "savee": ["a01.wav", "DC/b01.wav", "XX_a01.wav"],
}


def build(layout: str, folder: Path, names: list[str]) -> Path:
    for index, name in enumerate(names):
        write_tone(folder / name, 300 + 10 * index, seconds=0.3)
    folder.mkdir(exist_ok=True)
    (folder / "readme.txt").write_text("no sound")
    (folder / "._03a01Fa.wav").write_bytes(b"what macOS leaves in archives")
    if layout == "crema_d":
        (folder / "VideoDemographics.csv").write_text("ActorID,Age,Sex\n1001,51,Male\n1002,21,Female\n")
    return folder


@pytest.mark.parametrize("layout", EXPECTED)
def test_every_layout_is_read_and_its_rubbish_reported(layout: str, tmp_path: Path) -> None:
    folder = build(layout, tmp_path / "corpus", [row[0] for row in EXPECTED[layout]] + RUBBISH[layout])
    found = import_layout(layout, folder, manifest_dir=tmp_path)
    rows = {
        (row.path, row.corpus, row.speaker, row.emotion, row.sex, row.intensity, row.language)
        for row in found.rows
    }
    assert rows == {("corpus/" + path, *rest) for path, *rest in EXPECTED[layout]}
    assert all(row.licence for row in found.rows)
    assert {problem.path for problem in found.problems} == {"corpus/" + name for name in RUBBISH[layout]}
    assert {problem.kind for problem in found.problems} == {"unknown name"}
    write_manifest(tmp_path / "manifest.csv", found.rows)
    source = open_source(tmp_path / "manifest.csv")
    assert all(encoded for _, encoded in read_encoded(source, source.rows))


def test_all_tables_lead_to_labels_of_ours() -> None:
    tables = [layout.codes["emotion"] for layout in LAYOUTS.values()]
    assert all(is_label(label) for table in tables for label in table.values())


def test_second_copy_of_a_name_is_reported(tmp_path: Path) -> None:
    name = "Actor_12/03-01-06-01-02-01-12.wav"
    folder = build("ravdess", tmp_path / "corpus", [name, f"speech/{name}"])
    found = import_layout("ravdess", folder, manifest_dir=tmp_path)
    assert len(found.rows) == 1
    assert [problem.kind for problem in found.problems] == ["duplicate"]


def test_speaker_may_be_the_name_of_the_folder_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build("savee", tmp_path / "JK", ["n01.wav"])
    monkeypatch.chdir(tmp_path / "JK")
    assert import_layout("savee", Path(), manifest_dir=tmp_path).rows[0].speaker == "JK"


@pytest.mark.parametrize(
    ("names", "words"), [([], "no sound file in it fits"), (["a.wav", "b.wav"], "none of 2 sound files")]
)
def test_folder_of_something_else_is_refused(tmp_path: Path, names: list[str], words: str) -> None:
    folder = build("tess", tmp_path / "corpus", names)
    with pytest.raises(DataError, match=f"does not look like tess: {words}.*OAF_back_angry"):
        import_layout("tess", folder, manifest_dir=tmp_path)


def test_missing_folder_and_unknown_layout_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder"):
        import_layout("tess", tmp_path / "none", manifest_dir=tmp_path)
    with pytest.raises(DataError, match="no layout 'iemocap': choose one of ravdess"):
        import_layout("iemocap", tmp_path, manifest_dir=tmp_path)
    with pytest.raises(DataError, match="no folder"):
        import_bundle(tmp_path / "none", manifest_dir=tmp_path)


def test_damaged_demographics_are_named(tmp_path: Path) -> None:
    folder = build("crema_d", tmp_path / "corpus", ["AudioWAV/1001_DFA_ANG_XX.wav"])
    (folder / "VideoDemographics.csv").write_text("ActorID,Age\n1001,51\n")
    with pytest.raises(DataError, match=r"VideoDemographics\.csv cannot be used \('Sex'\)"):
        import_layout("crema_d", folder, manifest_dir=tmp_path)


def test_name_says_the_emotion_wherever_the_clip_lies() -> None:
    assert emotion_in_name(ManifestRow("x.tar!/emodb/03/03a01Wa.ogg", "emodb", "03", "sad")) == "angry"
    assert emotion_in_name(ManifestRow("x/EB0_anger_1", "nemo", "EB0", "angry")) == ""
    assert emotion_in_name(ManifestRow("renamed.wav", "emodb", "03", "sad")) == ""
    assert LAYOUTS["ravdess"].parse(PurePosixPath("01-01-06-01-02-01-12.mp4")) is None


def test_manifest_for_another_folder_leads_to_the_same_files(tmp_path: Path) -> None:
    folder = build("emodb", tmp_path / "corpus", ["wav/03a01Fa.wav"])
    rows = import_layout("emodb", folder, manifest_dir=tmp_path).rows
    moved = rebase(rows, tmp_path, tmp_path / "deep" / "down")
    assert moved[0].path == "../../corpus/wav/03a01Fa.wav"
    assert rebase(moved, tmp_path / "deep" / "down", tmp_path) == rows
