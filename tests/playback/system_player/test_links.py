"""What people paste: playlists are taken in every spelling, and what is none is refused in one sentence."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import MusicError
from playback.preferences.file import export_preferences, import_preferences
from playback.preferences.preferences import PlaylistRef, Preferences
from playback.system_player.addresses import holds, is_link_address, link_of, local_path
from playback.system_player.links import (
    add_link,
    listed_addresses,
    merge_links,
    parse_link,
    remove_link,
)

ID = "37i9dQZF1DX0XUsuxWHRQd"
WHAT_TO_DO = (": paste", ": copy", ": choose", ": check", ": see", ": open", ": add", ": give", "are taken")


def refused(text: str) -> str:
    with pytest.raises(MusicError) as caught:
        parse_link(text)
    said = str(caught.value)
    assert len(said.splitlines()) == 1
    assert len(said) < 400
    return said


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "Müsik & Co #1"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "song one.mp3").write_bytes(b"x")
    (folder / "notes.txt").write_text("words")
    (folder / "rain.m3u").write_text(
        "#EXTM3U\n#PLAYLIST:Rainy days\ndeep/song one.mp3\nhttp://radio.example/a\n"
    )
    (folder / "radio.pls").write_text("[playlist]\nFile1=http://radio.example/b\nTitle1=B\n")
    (tmp_path / "empty").mkdir()
    return folder


@pytest.mark.parametrize(
    ("text", "link"),
    [
        (f"https://open.spotify.com/playlist/{ID}", f"spotify:playlist:{ID}"),
        (f"  <https://open.spotify.com/playlist/{ID}?si=abc&pt=1#x>\n", f"spotify:playlist:{ID}"),
        (f"http://OPEN.spotify.com/intl-de/album/{ID}/", f"spotify:album:{ID}"),
        (f"open.spotify.com/intl-pt-BR/artist/{ID}", f"spotify:artist:{ID}"),
        (f"https://open.spotify.com/embed/playlist/{ID}?utm_source=generator", f"spotify:playlist:{ID}"),
        (f"https://open.spotify.com/user/somebody/playlist/{ID}", f"spotify:playlist:{ID}"),
        (f"https://play.spotify.com/show/{ID}", f"spotify:show:{ID}"),
        (f"spotify:playlist:{ID}", f"spotify:playlist:{ID}"),
        (f"spotify:user:some.body:playlist:{ID}", f"spotify:playlist:{ID}"),
        (f"SPOTIFY:Album:{ID}?si=1", f"spotify:album:{ID}"),
        (f"spotify://playlist/{ID}", f"spotify:playlist:{ID}"),
        ("http://radio.example:8000/", "http://radio.example:8000/"),
        ("HTTPS://radio.example/live.mp3?a=1#t", "https://radio.example/live.mp3?a=1"),
        ("www.radio.example/live", "http://www.radio.example/live"),
    ],
)
def test_pages_and_streams_in_every_spelling(text: str, link: str) -> None:
    found = parse_link(text)
    assert link_of(found.uri) == link
    assert found.name
    assert is_link_address(found.uri)
    assert parse_link(link) == found


def test_files_folders_and_lists(music: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path, name in (
        (music, music.name),
        (music / "deep" / "song one.mp3", "song one"),
        (music / "rain.m3u", "Rainy days"),
        (music / "radio.pls", "radio"),
    ):
        for text in (
            str(path),
            f'"{path}"',
            path.as_uri(),
            path.as_uri().replace("file:///", "file://localhost/"),
        ):
            found = parse_link(text)
            assert (found.name, local_path(link_of(found.uri))) == (name, path)
    monkeypatch.chdir(music)
    monkeypatch.setenv("HOME", str(music))
    assert parse_link("deep") == parse_link("~/deep") == parse_link(str(music / "deep"))


def test_a_name_that_is_no_utf_8_is_kept_and_found_again(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp3"))
    path.write_bytes(b"x")
    found = parse_link(str(path), name="Café")
    kept = import_preferences(export_preferences(Preferences(links=(found,))))
    assert kept.links == (found,)
    assert local_path(link_of(kept.links[0].uri)) == path


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "No link was given"),
        (" \t\n", "No link was given"),
        ("hello", "“hello” is no link"),
        ("x" * 3000, "too long"),
        (f"spotify:playlist:{ID}\nspotify:album:{ID}", "several lines"),
        ("http://radio.example/\x1b[2J", "is no link"),
        (f"https://open.spotify.com/track/{ID}", "one song"),
        (f"spotify:episode:{ID}", "one episode"),
        (f"spotify:user:{ID}", "is no playlist"),
        ("https://open.spotify.com/", "is no playlist"),
        ("https://open.spotify.com/collection/tracks", "is no playlist"),
        ("https://open.spotify.com/playlist/37i9dQ", "not the whole link"),
        (f"spotify:playlist:{ID}x", "not the whole link"),
        ("https://spotify.link/abc", "short link"),
        ("https://example.com", "is a site, not a stream"),
        ("https://", "is no address"),
        ("http://radio.example:port/x", "is no address"),
        ("http://[::1/x", "is no address"),
        ("http://radio .example/x", "is no address"),
        ("http://me:secret@radio.example/x", "user name or password"),
        ("ftp://radio.example/x", "is no link that a player"),
        ("javascript:alert(1)", "is no link that a player"),
        ("edl://x", "is no link that a player"),
        ("file://server/share/x.mp3", "on another machine"),
        ("/nowhere/at/all.mp3", "There is no file or folder"),
        ("nowhere.mp3", "There is no file or folder"),
        ("~nobody-of-this-name/x", "cannot be read"),
        ("/dev/null", "is not a file of music"),
        ("/etc/passwd", "is not a file of music"),
        ("/etc/passwd/x", "There is no file or folder"),
        ("/" + "x" * 300, "cannot be read"),
    ],
)
def test_what_is_no_playlist_is_refused_in_one_sentence(text: str, part: str) -> None:
    said = refused(text)
    assert part in said
    assert "secret" not in said
    assert any(advice in said for advice in WHAT_TO_DO)


def test_files_that_hold_no_music_are_refused(music: Path) -> None:
    assert "holds no music" in refused(str(music.parent / "empty"))
    assert "is not a file of music" in refused(str(music / "notes.txt"))
    for content in (b"", b"#EXTM3U\n# nothing\n", b"<html>\n<body>\n", b"\0\1\2" * 50, b"some\nwords\n"):
        (music / "odd.m3u8").write_bytes(content)
        assert "lists no music" in refused(str(music / "odd.m3u8"))
    (music / "odd.m3u8").write_bytes(b"a.mp3\n" * 200_000)
    assert "too large" in refused(str(music / "odd.m3u8"))
    (music / "folder.m3u").mkdir()
    assert "holds no music" in refused(str(music / "folder.m3u"))
    os.mkfifo(music / "pipe.m3u")
    assert "is not a file of music" in refused(str(music / "pipe.m3u"))
    (music / "loop.m3u").symlink_to(music / "loop.m3u")
    assert "cannot be read" in refused(str(music / "loop.m3u"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_lists_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "list.m3u"
    path.write_bytes("#EXTM3U\r\n#PLAYLIST: Für Mai\r\nübung.mp3\r\n".encode(encoding))
    assert parse_link(str(path)).name == "Für Mai"


def test_a_name_of_ones_own_is_kept_on_one_line_and_short() -> None:
    assert parse_link(f"spotify:album:{ID}", name="  Rainy\n day ").name == "Rainy day"
    with pytest.raises(MusicError, match="may have 100 letters"):
        parse_link(f"spotify:album:{ID}", name="x" * 101)


def test_links_are_added_once_and_removed_by_name_or_address() -> None:
    links = add_link((), f"spotify:album:{ID}", name="Rain")
    with pytest.raises(MusicError, match="there already, as “Rain”"):
        add_link(links, f"https://open.spotify.com/album/{ID}", name="Storm")
    with pytest.raises(MusicError, match="Another link is called “Rain”"):
        add_link(links, f"spotify:playlist:{ID}", name="rain")
    two = add_link(links, f"spotify:playlist:{ID}", name="Sun")
    assert remove_link(two, "RAIN") == two[1:]
    assert remove_link(two, two[1].uri) == links
    with pytest.raises(MusicError, match="There is no link “Fog”: those that are kept are “Rain”"):
        remove_link(links, "Fog")
    with pytest.raises(MusicError, match="none at all"):
        remove_link((), "Fog")


REFS = st.lists(st.sampled_from([PlaylistRef(f"system:http://r/{n}", str(n)) for n in range(5)]), unique=True)


@settings(derandomize=True, max_examples=50)
@given(REFS, REFS, REFS)
def test_a_change_of_links_leaves_what_others_changed(
    kept: list[PlaylistRef], before: list[PlaylistRef], now: list[PlaylistRef]
) -> None:
    merged = merge_links(kept, before=before, now=now)
    assert len({one.uri for one in merged}) == len(merged)
    assert {*kept} - {*before} <= {*merged}  # somebody else's
    assert {*now} - {*before} <= {*merged}
    assert not ({*before} - {*now}) & {*merged}
    assert tuple(now) == merge_links(before, before=before, now=now) or {*now} == {
        *merge_links(before, before=before, now=now)
    }


@settings(derandomize=True, max_examples=50)
@given(st.text(max_size=60), st.sampled_from(["", "spotify:", "https://", "file://", "http://r/", "/", "~"]))
def test_any_text_is_taken_or_refused_in_one_line(text: str, start: str) -> None:
    said = ""
    try:
        links = (parse_link(start + text),)
    except MusicError as error:
        links, said = (), str(error)
    assert len(said.splitlines()) == 1 - len(links)
    assert all(is_link_address(one.uri) for one in links)
    assert import_preferences(export_preferences(Preferences(links=links))).links == links


def test_which_tracks_come_from_a_link(music: Path) -> None:
    song = (music / "deep" / "song one.mp3").as_uri()
    plain = unquote(song)  # some players tell it so
    elsewhere = music.parent.joinpath("other.mp3").as_uri()
    for link in (music.as_uri(), f"{music.as_uri()}/", song):
        assert holds(link, song)
        assert holds(link, plain)
        assert not holds(link, elsewhere)
        assert not holds(link, "https://radio.example/a")
    listed = listed_addresses((music / "rain.m3u").as_uri())
    assert listed == {plain, "http://radio.example/a"}
    assert holds((music / "rain.m3u").as_uri(), song, listed)
    assert not holds((music / "rain.m3u").as_uri(), elsewhere, listed)
    assert holds(f"spotify:album:{ID}", "https://open.spotify.com/track/1")
    assert holds("http://radio.example/a", "http://cdn.example/b")
    assert not holds("http://radio.example/a", song)
    assert holds(song, "")
    assert listed_addresses(song) == listed_addresses("http://radio.example/a.m3u") == frozenset()
