"""Settings: where they come from, and what a wrong one gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import paths
from core.errors import SettingsError
from core.settings import ENERGY_THRESHOLD, PLEASANTNESS_THRESHOLD, Settings, load_settings


@pytest.fixture(autouse=True)
def _own_settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "settings_file", lambda: tmp_path / "settings.toml")


def write(tmp_path: Path, text: str) -> None:
    (tmp_path / "settings.toml").write_text(text, encoding="utf-8")


def test_defaults_need_no_file() -> None:
    assert load_settings().threshold == 0.70


def test_arguments_win_over_environment_over_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "threshold = 0.6\nhop_s = 0.25\nmin_dwell_s = 2.0\n")
    monkeypatch.setenv("ATTUNE_HOP_S", "1.0")
    monkeypatch.setenv("ATTUNE_THRESHOLD", "0.8")
    settings = load_settings(threshold=0.9, device=None)
    assert (settings.threshold, settings.hop_s, settings.min_dwell_s) == (0.9, 1.0, 2.0)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("threshold = 7\n", ["'threshold'", "7"]),
        ("treshold = 0.7\n", ["There is no setting 'treshold': did you mean 'threshold'?", "settings.toml"]),
        ('device = "a"\njournal_path = "\\u0000"', ["cannot be '\\x00': no path has a null character."]),
        ("threshold = \n", ["settings.toml"]),
        ("\udcff", ["settings.toml"]),
    ],
)
def test_wrong_file_is_one_sentence_that_names_it(tmp_path: Path, text: str, names: list[str]) -> None:
    (tmp_path / "settings.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(SettingsError) as caught:
        load_settings()
    for name in names:
        assert name in str(caught.value)


def test_file_that_may_not_be_read_is_one_sentence_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "threshold = 0.6\n")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(
        SettingsError, match=r"settings\.toml cannot be read \(Permission denied\): change its"
    ):
        load_settings()


def test_tilde_is_the_home_folder(tmp_path: Path) -> None:
    write(tmp_path, 'journal_path = "~/here/journal.sqlite3"\nemotion_model = "~/model.onnx"\n')
    settings = load_settings()
    assert settings.journal_path == Path.home() / "here" / "journal.sqlite3"
    assert settings.emotion_model == Path.home() / "model.onnx"


def test_fetched_backbone_is_named_and_a_file_of_that_name_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "data_dir", lambda: tmp_path / "data")
    assert (
        load_settings(mood_backbone="yamnet").mood_backbone == tmp_path / "data" / "weights" / "yamnet.onnx"
    )
    monkeypatch.setenv("ATTUNE_MOOD_BACKBONE", "yamnet")
    assert load_settings().mood_backbone == paths.weights_dir() / "yamnet.onnx"
    assert load_settings(mood_backbone="./yamnet").mood_backbone == Path("yamnet")
    assert load_settings(mood_backbone="yamnet.onnx").mood_backbone == Path("yamnet.onnx")


def test_home_of_nobody_is_one_sentence() -> None:
    with pytest.raises(SettingsError, match="journal_path"):
        load_settings(journal_path="~nobody-of-this-name/journal.sqlite3")


def test_every_setting_says_what_it_is() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name


def test_settings_are_immutable() -> None:
    with pytest.raises(Exception, match="frozen"):
        load_settings().threshold = 0.1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("spotify_client_id", "my app", "32 hexadecimal digits"),
        ("spotify_client_id", "0" * 33, "32 hexadecimal digits"),
        ("spotify_accounts_url", "http://accounts.spotify.com", "https://"),
        ("spotify_api_url", "http://127.0.0.1.evil.example", "https://"),
        ("spotify_api_url", "ftp://127.0.0.1", "https://"),
        ("spotify_api_url", "https://", "https://"),
        ("spotify_api_url", "https://me:word@api.spotify.com", "plain address"),
        ("spotify_callback_port", "65536", "65535"),
    ],
)
def test_wrong_spotify_setting_is_one_sentence(name: str, value: str, says: str) -> None:
    with pytest.raises(SettingsError, match=name) as caught:
        load_settings(**{name: value})
    assert says in str(caught.value)


def test_spotify_may_stand_on_this_machine() -> None:
    settings = load_settings(
        spotify_client_id="ABCDEF" + "0" * 26,
        spotify_accounts_url="http://127.0.0.1:8899/",
        spotify_api_url="http://[::1]:8899",
    )
    assert settings.spotify_client_id == "abcdef" + "0" * 26
    assert settings.spotify_accounts_url == "http://127.0.0.1:8899"


def test_thresholds_of_energy_and_pleasantness_are_settings_like_that_of_the_emotion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings()
    assert (settings.energy_threshold, settings.pleasantness_threshold) == (
        ENERGY_THRESHOLD,
        PLEASANTNESS_THRESHOLD,
    )
    write(tmp_path, "energy_threshold = 0.7\npleasantness_threshold = 0.75\n")
    monkeypatch.setenv("ATTUNE_PLEASANTNESS_THRESHOLD", "0.9")
    settings = load_settings()
    assert (settings.energy_threshold, settings.pleasantness_threshold) == (0.7, 0.9)
    assert load_settings(energy_threshold=0.95).energy_threshold == 0.95


@pytest.mark.parametrize("name", ["energy_threshold", "pleasantness_threshold"])
@pytest.mark.parametrize("value", [0.5, 1.0])
def test_threshold_of_the_plane_that_means_nothing_is_one_sentence(name: str, value: float) -> None:
    with pytest.raises(SettingsError, match=f"'{name}' cannot be {value}"):
        load_settings(**{name: value})
