"""The player over HTTP, on the player that plays nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from attune.api.routes.player import player_state
from core.directions import Direction
from core.emotions import Emotion
from playback.player import ConnectionState, PlayerConnection, PlayerKind, PlayerSnapshot, Playlist
from playback.preferences.preferences import Preferences
from playback.snapshot import MusicRecord, MusicSnapshot, RecordKind, Suggestion
from tests.attune.api.server import RunningServer, running_server


def put(server: RunningServer, body: object) -> requests.Response:
    return requests.put(f"{server.url}/v1/player", json=body, timeout=60)


@pytest.fixture(scope="module")
def player(empty_profile: None) -> Iterator[RunningServer]:  # noqa: ARG001
    with running_server() as server:
        assert server.get("/v1/player").status_code == 409
        chosen = put(server, {"player": "dry-run", "mode": "suggest"})
        assert chosen.status_code == 200
        # Threads of the server belong to it, not to the test that happens to start one.
        playlist = chosen.json()["playlists"][0]
        assert server.post("/v1/player/play", json={"uri": playlist["uri"]}).status_code == 200
        assert server.post("/v1/player/pause").status_code == 200
        assert put(server, {"mode": "auto"}).status_code == 200
        assert put(server, {"mode": "suggest"}).status_code == 200
        yield server


def test_the_state_names_the_player_and_what_it_can_play(player: RunningServer) -> None:
    state = player.get("/v1/player").json()
    assert (state["player"], state["mode"], state["playing"]) == ("dry-run", "suggest", False)
    assert {"uri", "name", "tracks", "owned"} == set(state["playlists"][0])


def test_a_listed_playlist_plays_pauses_and_goes_on(player: RunningServer) -> None:
    uri = player.get("/v1/player").json()["playlists"][0]["uri"]
    assert player.post("/v1/player/play", json={"uri": uri}).json()["outcome"] == "done"
    state = player.get("/v1/player").json()
    assert (state["playing"], state["playlist"]["uri"]) == (True, uri)
    assert player.post("/v1/player/next").json()["outcome"] == "done"
    assert player.post("/v1/player/pause").json()["outcome"] == "done"
    assert player.post("/v1/player/pause").json()["outcome"] == "nothing to do"
    assert player.post("/v1/player/resume").json()["outcome"] == "done"
    assert player.post("/v1/player/volume", json={"volume": 0.25}).json()["outcome"] == "done"
    assert player.get("/v1/player").json()["volume"] == 0.25
    assert player.post("/v1/player/refresh").status_code == 200


@pytest.mark.parametrize("uri", ["system:file:///etc/passwd", "dry-run:style:nothing", ""])
def test_an_address_that_is_not_listed_is_not_played(player: RunningServer, uri: str) -> None:
    answer = player.post("/v1/player/play", json={"uri": uri})
    assert answer.status_code == 404
    assert "GET /v1/player" in answer.json()["detail"]


@pytest.mark.parametrize("volume", [-0.1, 1.1, "loud", None])
def test_a_volume_is_from_0_to_1(player: RunningServer, volume: object) -> None:
    assert player.post("/v1/player/volume", json={"volume": volume}).status_code == 422


def test_what_the_player_cannot_do_is_a_problem_with_its_outcome(player: RunningServer) -> None:
    answer = player.post("/v1/player/device", json={"name": "Kitchen"})
    assert answer.status_code in (404, 409, 502)
    assert answer.json()["outcome"]


def test_commands_of_the_autopilot_are_accepted(player: RunningServer) -> None:
    assert player.post("/v1/player/answer", json={"yes": True}).status_code == 202
    assert player.post("/v1/player/undo").status_code == 202
    assert player.post("/v1/player/autopilot/resume").status_code == 202
    assert put(player, {"mode": "off"}).json()["mode"] == "off"
    assert put(player, {"mode": "loud"}).status_code == 422


def test_a_suggestion_tells_what_leads_to_it() -> None:
    playlist = Playlist("local:style:chill", "Chill")
    connection = PlayerConnection(ConnectionState.CONNECTED)
    reason = "Sad for 4 s."
    state = player_state(
        MusicSnapshot(
            PlayerSnapshot(PlayerKind.LOCAL, connection),
            Preferences(),
            suggestion=Suggestion(playlist, Emotion.SAD, reason),
            records=(MusicRecord(5.0, RecordKind.SUGGESTED, reason, Direction.LIVELY, playlist),),
        )
    )
    assert state.suggestion is not None
    assert (state.suggestion.emotion, state.suggestion.direction) == (Emotion.SAD, None)
    assert (state.records[0].emotion, state.records[0].direction) == (None, Direction.LIVELY)
