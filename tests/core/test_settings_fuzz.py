"""Whatever has happened to settings.toml, it is read or refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from core import paths
from core.errors import SettingsError
from core.settings import Settings, load_settings
from core.text import printable
from tests.damage import damaged

WHOLE = b"""\
device = "USB"
threshold = 0.8
hop_s = 1
journal = false
retention_days = 30
music_folder = "~/music"
emotion_model = "/models/mine.onnx"
spotify_client_id = "0123456789abcdef0123456789abcdef"
spotify_api_url = "https://api.spotify.com/v1"
provider = "cpu"
"""


@settings(
    derandomize=True,
    max_examples=500,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(damaged(WHOLE))
def test_damaged_settings_are_read_or_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    file = tmp_path / "settings.toml"
    monkeypatch.setattr(paths, "settings_file", lambda: file)
    file.write_bytes(content)
    try:
        assert isinstance(load_settings(), Settings)
    except SettingsError as error:
        said = str(error)
        assert said == printable(said)
        assert str(file) in said
        assert len(said) < 600 + 2 * len(str(file))
