"""Where music comes in on the page Tracks: files that are dropped, and a path that is typed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from attune.dashboard.components.file_field import file_field
from attune.dashboard.state.commands import run_command
from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from core.errors import AttuneError
from core.folders import find_files
from models.audio import SUPPORTED_SUFFIXES
from models.mood.track_queue import TrackSession

DROP: Final = N_("Drop music here, or choose files. No sound is kept.")
TYPE: Final = N_("Or type the path of a file or folder on this computer")

_DROPS: Final = "tracks drops"
_PATHS: Final = "tracks paths"
_MAX_FROM_FOLDER: Final = 500


def track_upload(session: TrackSession, place: str, *, disabled: bool) -> None:
    """Draw both fields.

    Parameters
    ----------
    session
        Of this tab; takes what comes in.
    place
        Where on the page it is said why something did not come in.
    disabled
        Nothing can be analysed now.
    """
    # A fresh field after each use: a browser that does not know of it yet sends the old one once more, and
    # what comes under an old number is left out.
    drops, paths = (int(st.session_state.setdefault(key, 0)) for key in (_DROPS, _PATHS))
    with st.container(border=True, key="tracks-drop"):
        left, right = st.columns((3, 2), vertical_alignment="top")
        # Of any type: what a file is shows its content, and every refusal is to be a sentence of ours.
        with left:
            file_field(
                _(DROP),
                many=True,
                key=f"{_DROPS} {drops}",
                on_change=_take_files,
                args=(session, place, drops),
                disabled=disabled,
            )
        right.text_input(
            _(TYPE),
            key=f"{_PATHS} {paths}",
            placeholder="~/music",
            icon=":material/folder:",
            on_change=_take_path,
            args=(session, place, paths),
            disabled=disabled,
        )


def _take_files(session: TrackSession, place: str, turn: int) -> None:
    """Take what was dropped out of the uploader, and put a fresh one in its place."""
    given = st.session_state.get(f"{_DROPS} {turn}") or []
    uploads = [upload for upload in given if isinstance(upload, UploadedFile)]  # others were deleted
    if not uploads or turn != st.session_state[_DROPS]:
        return
    st.session_state[_DROPS] = turn + 1
    run_command(place, partial(_add_files, session, uploads))
    context = get_script_run_ctx()
    # Held twice otherwise, until the tab is closed. In tests of the page there is no such manager.
    forget = getattr(getattr(context, "uploaded_file_mgr", None), "remove_file", None)
    for upload in uploads:
        if context is not None and forget is not None:
            forget(session_id=context.session_id, file_id=upload.file_id)


def _add_files(session: TrackSession, uploads: Sequence[UploadedFile]) -> None:
    for upload in uploads:
        name = Path(upload.name).name.replace("%22", '"')  # so browsers send quotation marks
        session.add(name or _("Unnamed"), upload.getvalue())


def _take_path(session: TrackSession, place: str, turn: int) -> None:
    typed = str(st.session_state.get(f"{_PATHS} {turn}") or "").strip().strip("\"'")
    if typed and turn == st.session_state[_PATHS]:
        st.session_state[_PATHS] = turn + 1
        run_command(place, partial(_add_path, session, Path(typed)))


def _add_path(session: TrackSession, typed: Path) -> None:
    try:
        path = typed.expanduser()
        contents = find_files(path, SUPPORTED_SUFFIXES) if path.is_dir() else None
    except (RuntimeError, OSError, ValueError) as error:
        said = _("{path} cannot be opened ({reason}): check the path.")
        raise AttuneError(said.format(path=repr(str(typed)), reason=error)) from error
    files, problems = ([path], []) if contents is None else (list(contents.files), list(contents.notices))
    if not files:
        said = _("There is no sound file in the folder {path}: name another.")
        problems.insert(0, said.format(path=path))
    for file in files[:_MAX_FROM_FOLDER]:
        session.add(file.name or str(file), file)
    if len(files) > _MAX_FROM_FOLDER:
        said = _(
            "{path} holds {count} sound files, and only the first {most} were taken: use `attune mood` in "
            "the terminal for so many."
        )
        problems.append(said.format(path=path, count=len(files), most=_MAX_FROM_FOLDER))
    if problems:
        raise AttuneError(" ".join(problems))
