"""Links to playlists that people paste: Spotify's pages, files and folders of music, radio."""

from __future__ import annotations

import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import SplitResult, unquote, urlsplit

from core.errors import MusicError
from core.folders import find_files
from core.text import printable
from models.audio import SUPPORTED_SUFFIXES
from playback.preferences.preferences import PlaylistRef
from playback.system_player.addresses import (
    PREFIX,
    SPOTIFY_ID,
    SPOTIFY_KINDS,
    WEB,
    is_link_address,
    local_path,
)

MAX_NAME: Final = 100
"""Letters of the name of a link."""

_LIST_SUFFIXES: Final = (".m3u", ".m3u8", ".pls")
_MAX_LIST_BYTES: Final = 1_000_000
_MAX_LENGTH: Final = 2000
_SHOWN: Final = 60
_SPOTIFY_HOSTS: Final = ("open.spotify.com", "play.spotify.com")
_SHORT_HOSTS: Final = ("spotify.link", "spoti.fi", "spotify.app.link")
_SINGLE: Final = {"track": "one song", "episode": "one episode"}
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]+):", re.IGNORECASE)  # one letter is a drive of Windows
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_PLS_ENTRY: Final = re.compile(r"file\d+\s*=\s*(.+)", re.IGNORECASE)

_WHAT_TO_PASTE: Final = (
    "paste a link of Spotify, such as https://open.spotify.com/playlist/..., the path of a file or folder of "
    "music, or the address of a radio station's stream"
)


def parse_link(text: str, *, name: str = "") -> PlaylistRef:
    """Turn what a person pasted into a playlist for the player that is open; files are looked at.

    Parameters
    ----------
    text
        A page or an address of Spotify, a path, a ``file:`` address, or that of a stream.
    name
        What to call it; empty takes what the link itself tells.

    Raises
    ------
    MusicError
        It is no playlist.
    """
    link = text.strip().strip("\"'<>").strip()
    if not link:
        raise MusicError(f"No link was given: {_WHAT_TO_PASTE}.")
    if len(link) > _MAX_LENGTH:
        raise MusicError(
            f"The link is too long: it has {len(link):,} letters, and at most {_MAX_LENGTH:,} are taken."
        )
    if _is_there(text):  # whatever its name looks like
        link, (address, own_name) = text, _file(Path(text), text)
    elif len(link.splitlines()) > 1:
        raise MusicError("These are several lines: add one link after the other.")
    elif _CONTROL.search(link):
        _refuse(link, "is no link")
    else:
        address, own_name = _address_of(link)
    name = " ".join(name.split()) or own_name
    if len(name) > MAX_NAME:
        raise MusicError(f"A name may have {MAX_NAME} letters, and this one has {len(name):,}: shorten it.")
    if not is_link_address(PREFIX + address):
        _refuse(link, "is no link")
    return PlaylistRef(PREFIX + address, name)


def add_link(links: Sequence[PlaylistRef], text: str, *, name: str = "") -> tuple[PlaylistRef, ...]:
    """Add what a person pasted to the links that are kept.

    Parameters
    ----------
    links
        Those that are kept.
    text, name
        As for `parse_link`.

    Raises
    ------
    MusicError
        It is no playlist, or is kept already, or another one has its name.
    """
    link = parse_link(text, name=name)
    for known in links:
        if known.uri == link.uri:
            raise MusicError(f"This link is there already, as {_shown(known.name)}.")
        if known.name.casefold() == link.name.casefold():
            raise MusicError(f"Another link is called {_shown(known.name)}: give this one another name.")
    return (*links, link)


def remove_link(links: Sequence[PlaylistRef], name: str) -> tuple[PlaylistRef, ...]:
    """Remove a link from those that are kept.

    Parameters
    ----------
    links
        Those that are kept.
    name
        Its name, or its address.

    Raises
    ------
    MusicError
        There is none of that name.
    """
    wanted = name.strip().casefold()
    left = tuple(one for one in links if wanted not in (one.name.casefold(), one.uri.casefold()))
    if len(left) == len(links):
        names = ", ".join(_shown(one.name) for one in links) or "none at all"
        raise MusicError(f"There is no link {_shown(name)}: those that are kept are {names}.")
    return left


def merge_links(
    kept: Sequence[PlaylistRef], *, before: Sequence[PlaylistRef], now: Sequence[PlaylistRef]
) -> tuple[PlaylistRef, ...]:
    """Bring a change of links to those that are kept, which somebody else may have changed, too.

    Parameters
    ----------
    kept
        Those that are kept now.
    before, now
        Those before the change, and after it.
    """
    known = {one.uri for one in (*before, *kept)}
    gone = {one.uri for one in before} - {one.uri for one in now}
    return (*(one for one in kept if one.uri not in gone), *(one for one in now if one.uri not in known))


def listed_addresses(link: str) -> frozenset[str]:
    """The addresses in a file that lists tracks, without escapes; empty for anything else."""
    path = local_path(link)
    if path is None or path.suffix.lower() not in _LIST_SUFFIXES:
        return frozenset()
    try:
        entries, _ = _read_list(path)
    except (OSError, MusicError):
        return frozenset()  # its player may be able to read it
    return frozenset(
        unquote(entry if _SCHEME.match(entry) else Path(path.parent, entry).as_uri()) for entry in entries
    )


def _is_there(text: str) -> bool:
    """Whether it is the path of a file or folder, as it stands."""
    try:
        return Path(text).expanduser().exists()
    except (OSError, RuntimeError, ValueError):  # no such name can be
        return False


def _address_of(link: str) -> tuple[str, str]:
    """The address of a link in one spelling, and the name that it gives itself."""
    if link.lower().startswith(_SPOTIFY_HOSTS):
        link = f"https://{link}"
    elif link.lower().startswith("www."):
        link = f"http://{link}"
    found = _SCHEME.match(link)
    scheme = found[1].lower() if found else ""
    if scheme == "spotify":
        return _spotify(link, re.split("[:/]+", link.partition("?")[0])[1:])
    if scheme in WEB:
        return _web(link)
    if scheme == "file":
        return _file_address(link)
    if scheme:
        _refuse(link, "is no link that a player of music opens")
    return _file(Path(link), link)


def _split(link: str) -> SplitResult:
    try:
        parts = urlsplit(link)
        _ = parts.port  # read, so that a wrong one is refused
    except ValueError:
        _refuse(link, "is no address")
    return parts


def _web(link: str) -> tuple[str, str]:
    parts = _split(link)
    host = (parts.hostname or "").lower()
    if host in _SPOTIFY_HOSTS:
        return _spotify(link, [part for part in parts.path.split("/") if part])
    if host in _SHORT_HOSTS:
        raise MusicError(
            f"{_shown(link)} is a short link, which players do not know: open it in a browser, and paste the "
            "address of the page that it leads to."
        )
    if not host or any(letter.isspace() for letter in link):
        _refuse(link, "is no address")
    if parts.username or parts.password:
        raise MusicError(
            f"The address at {_shown(host)} holds a user name or password, which would be kept where others "
            "can read it: paste one without."
        )
    if not (parts.path.strip("/") or parts.query or parts.port):
        _refuse(link, "is a site, not a stream")
    last = unquote(parts.path.rstrip("/").rpartition("/")[2])
    name = " ".join(part for part in (host.removeprefix("www."), printable(last)) if part)
    return parts._replace(scheme=parts.scheme.lower(), fragment="").geturl(), name[:MAX_NAME]


def _spotify(link: str, parts: list[str]) -> tuple[str, str]:
    if parts and parts[0].lower().startswith("intl-"):
        parts = parts[1:]
    if parts[:1] == ["embed"]:
        parts = parts[1:]
    if parts[:1] == ["user"] and len(parts) > 2:
        parts = parts[2:]
    kind = parts[0].lower() if parts else ""
    what = f"is {_SINGLE[kind]}" if kind in _SINGLE else "is no playlist"
    if kind not in SPOTIFY_KINDS:
        raise MusicError(
            f"{_shown(link)} {what} on Spotify: paste the link of a playlist, an album, an artist or a show."
        )
    key = parts[1] if len(parts) > 1 else ""
    if not SPOTIFY_ID.fullmatch(key):
        raise MusicError(f"{_shown(link)} is not the whole link of Spotify: copy it again, to its end.")
    return f"spotify:{kind}:{key}", f"Spotify {kind} {key[:6]}"


def _file_address(link: str) -> tuple[str, str]:
    parts = _split(link)
    if parts.netloc not in ("", "localhost"):
        raise MusicError(
            f"{_shown(link)} lies on another machine: paste the path by which this one opens it."
        )
    path = local_path(parts._replace(netloc="").geturl())
    return _file(path or Path(), link)


def _file(path: Path, link: str) -> tuple[str, str]:
    try:
        path = path.expanduser().absolute()
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        is_path = any(mark in link for mark in "/\\~") or path.suffix.lower() in (
            *SUPPORTED_SUFFIXES,
            *_LIST_SUFFIXES,
        )
        if not is_path:
            _refuse(link, "is no link")
        raise MusicError(f"There is no file or folder {_shown(str(path))}: check its path.") from None
    except (OSError, RuntimeError, ValueError) as error:
        _refuse_unreadable(path, error)
    if stat.S_ISDIR(mode):
        _check_folder(path)
    elif not stat.S_ISREG(mode):
        _refuse(link, "is not a file of music")
    elif path.suffix.lower() in _LIST_SUFFIXES:
        return path.as_uri(), _list_name(path)
    elif path.suffix.lower() not in SUPPORTED_SUFFIXES:
        _refuse(link, "is not a file of music")
    return path.as_uri(), _name_of(path)


def _check_folder(path: Path) -> None:
    try:
        found = find_files(path, SUPPORTED_SUFFIXES, most=1).files
    except OSError as error:
        _refuse_unreadable(path, error)
    if not found:
        raise MusicError(f"The folder {_shown(str(path))} holds no music: choose another one.")


def _list_name(path: Path) -> str:
    try:
        entries, title = _read_list(path)
    except OSError as error:
        _refuse_unreadable(path, error)
    if not any("://" in entry or Path(entry).suffix.lower() in SUPPORTED_SUFFIXES for entry in entries):
        raise MusicError(f"The file {_shown(str(path))} lists no music: choose another one.")
    return printable(title)[:MAX_NAME] or _name_of(path)


def _read_list(path: Path) -> tuple[list[str], str]:
    """What a file lists, and its title."""
    if path.stat().st_size > _MAX_LIST_BYTES:
        raise MusicError(
            f"The file {_shown(str(path))} is too large for a list of music: choose another one."
        )
    content = path.read_bytes()
    for encoding in ("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "latin-1"):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    lines = [line.strip() for line in text.splitlines()]
    title = next((line[10:].strip() for line in lines if line.upper().startswith("#PLAYLIST:")), "")
    if path.suffix.lower() == ".pls":
        return [found[1] for line in lines if (found := _PLS_ENTRY.fullmatch(line))], title
    return [line for line in lines if line and line[0] not in "#<" and line.isprintable()], title


def _name_of(path: Path) -> str:
    return printable(path.stem if path.is_file() else path.name)[:MAX_NAME] or str(path)


def _refuse(link: str, what: str) -> NoReturn:
    raise MusicError(f"{_shown(link)} {what}: {_WHAT_TO_PASTE}.")


def _refuse_unreadable(path: Path, error: Exception) -> NoReturn:
    reason = getattr(error, "strerror", None) or error
    raise MusicError(
        f"{_shown(str(path))} cannot be read ({reason}): see to it that you may read it."
    ) from error


def _shown(text: str) -> str:
    text = printable(text)
    return f"“{text if len(text) <= _SHOWN else text[: _SHOWN - 3] + '...'}”"
