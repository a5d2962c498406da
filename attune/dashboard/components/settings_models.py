"""The models on the page "Settings": which are in use, their figures, licences and cards."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import streamlit as st

from attune.dashboard.translations import N_
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.formatting import size_text
from attune.dashboard.views.html import escape_markdown
from attune.dashboard.views.model_card import model_card
from core import paths
from core.errors import AttuneError
from core.settings import Settings
from models import assets
from models.emotion.recogniser import EMBEDDED_MODEL
from models.emotion.separator import EMBEDDED_SEPARATOR
from models.mood.backbone import EMBEDDED_BACKBONE
from models.mood.head import EMBEDDED_HEAD

if TYPE_CHECKING:
    from attune.engine.engine import Engine

IN_USE: Final = N_("In use")
CARD: Final = N_("Model card of {}")
CARD_GONE: Final = N_("The card {} cannot be read: restore it from the repository.")
OWN: Final = N_("{}, a file of your own")
BUILT_IN: Final = N_("{}, built in, {}, licence {}")
FETCHED: Final = N_("{}, fetched, {}, licence {}")
"""A model in a line: its name, its size and its licence."""

ROLES: Final = {
    "emotion": N_("Voice: emotion, energy and pleasantness"),
    "backbone": N_("Music: recognises sounds"),
    "head": N_("Music: turns sounds into 59 moods"),
    "separator": N_("Takes music out from behind a voice"),
    "speech": N_("Tells speech from all else"),
}
_HEADINGS: Final = re.compile(r"^(#+ )", re.MULTILINE)
"""Of a card: on the page they stand below the page's own two."""
_EMBEDDED: Final = {
    "emotion": EMBEDDED_MODEL,
    "backbone": EMBEDDED_BACKBONE,
    "head": EMBEDDED_HEAD,
    "separator": EMBEDDED_SEPARATOR,
    "speech": "voice-activity",
}


def models_in_use(engine: Engine) -> None:
    """Draw a line for each model, with its figures and its card."""
    st.html(f'<h2 class="at-heading">{_(IN_USE)}</h2>')
    try:
        known = {asset.name: asset for asset in assets.assets()}
    except AttuneError as error:
        st.error(escape_markdown(str(error)), icon=":material/error:")
        return
    own = _own_files(engine.settings)
    for role, words in ROLES.items():
        asset, file = _asset(role, own.get(role), known)
        line = _(OWN).format(file) if asset is None else _line(asset)
        st.markdown(f"**{_(words)}**  \n{escape_markdown(line)}")
        if role == "emotion":
            _draw_figures(engine)
        if asset is not None and asset.card is not None:
            _draw_card(asset.name, asset.card)


def _own_files(settings: Settings) -> dict[str, Path | None]:
    return {
        "emotion": settings.emotion_model,
        "backbone": settings.mood_backbone,
        "head": settings.mood_head,
    }


def _asset(
    role: str, own: Path | None, known: dict[str, assets.Asset]
) -> tuple[assets.Asset | None, Path | None]:
    """The weight file of a role; None for a file of the user's own, which stands beside it."""
    if own is None:
        return known[_EMBEDDED[role]], None
    if own.stem in assets.FETCHABLE and own.parent == paths.weights_dir():
        return assets.fetched_asset(own.stem), own
    return None, own


def _line(asset: assets.Asset) -> str:
    words = FETCHED if asset.name in assets.FETCHABLE else BUILT_IN
    return _(words).format(asset.name, size_text(asset.size_bytes), asset.licence)


def _draw_figures(engine: Engine) -> None:
    try:
        st.html(model_card(engine.model, voice=engine.calibration.active))
    except AttuneError as error:
        st.error(escape_markdown(str(error)), icon=":material/error:")


def _draw_card(name: str, card: Path) -> None:
    with st.expander(_(CARD).format(name), icon=":material/description:"):
        try:
            st.markdown(_HEADINGS.sub(r"##\1", card.read_text(encoding="utf-8")))
        except OSError:
            st.error(escape_markdown(_(CARD_GONE).format(card)))
