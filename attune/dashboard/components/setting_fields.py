"""The fields of the page "Settings": one for each setting, with what it does and when a change holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final

import streamlit as st

from attune.dashboard.state.app_context import AppContext
from attune.dashboard.state.commands import run_change, run_command, show_problem
from attune.dashboard.state.synced_widgets import SyncedWidget, sync_widget
from attune.dashboard.translations import N_, gettext_now
from attune.dashboard.translations import gettext as _
from attune.dashboard.views.formatting import capitalized
from attune.dashboard.views.setting_words import CHOICES, NOT_SET, setting_text, unit_words
from core.setting_info import Section, SettingInfo, SettingKind
from core.settings import SETTINGS, Origin
from core.text import printable

FOR_EXPERTS: Final = N_("For experts")
DEFAULT_CHOICE: Final = N_("The system's default")
RESET: Final = N_("Reset “{title}”")
RESET_HELP: Final = N_("Back to the default")
_STEPS: Final = {"ms": 5.0, "s": 0.1, "min": 10.0, "days": 1.0}
_NUMBER_WIDTH: Final = 150


def section_fields(context: AppContext, section: Section) -> None:
    """Draw the settings of a section; those that hardly anybody needs are folded away."""
    infos = [info for info in SETTINGS.values() if info.section is section]
    fields(context, (info for info in infos if not info.for_experts))
    if experts := [info for info in infos if info.for_experts]:
        state = context.settings.state
        wrong = any(info.name in state.problems for info in experts)
        with st.expander(_(FOR_EXPERTS), expanded=wrong):
            fields(context, experts)


def fields(context: AppContext, infos: Iterable[SettingInfo]) -> None:
    """Draw some settings, one below the other."""
    waiting = context.settings.waiting()
    for info in infos:
        _field(context, info, waits=info.name in waiting)


def _field(context: AppContext, info: SettingInfo, *, waits: bool) -> None:
    state = context.settings.state
    origin, problem = state.origins[info.name], state.problems.get(info.name, "")
    with st.container(key=f"at-field-{info.name}"):
        text, widget, reset = st.columns([6, 4, 1], vertical_alignment="center", gap="medium")
        text.html(setting_text(info, origin, waits=waits, problem=problem))
        with widget.container(horizontal=True, vertical_alignment="center", gap="small"):
            _draw_widget(context, info, getattr(state.settings, info.name))
        if origin in {Origin.FILE, Origin.THIS_RUN}:
            reset.button(
                _(RESET).format(title=_(info.title)),
                key=f"reset {info.name}",
                icon=":material/restart_alt:",
                type="tertiary",
                help=_(RESET_HELP),
                on_click=run_command,
                args=(_place(info), partial(context.settings.change, info.name, None)),
            )
        show_problem(_place(info))


def _place(info: SettingInfo) -> str:
    return f"setting {info.name}"


def _draw_widget(context: AppContext, info: SettingInfo, value: Any) -> None:
    """Draw what a setting is changed with."""
    translate = gettext_now()
    if info.name == "device":
        words = partial(_device_words, default=_(DEFAULT_CHOICE))
        _draw_choice(context, info, value, ("", *context.microphones), words)
    elif info.kind is SettingKind.CHOICE:
        _draw_choice(
            context, info, value, info.choices, lambda choice: translate(CHOICES.get(choice, choice))
        )
    elif info.kind is SettingKind.SWITCH:
        widget = sync_widget(_place(info), value)
        st.toggle(_(info.title), widget.default, **_options(context, info, widget))
    elif info.unit == "%":
        _draw_share(context, info, value)
    elif info.kind in {SettingKind.NUMBER, SettingKind.WHOLE_NUMBER}:
        _draw_number(context, info, value)
    else:
        widget = sync_widget(_place(info), "" if value is None else str(value))
        options = _options(context, info, widget, convert=lambda typed: str(typed).strip() or None)
        st.text_input(_(info.title), widget.default, placeholder=capitalized(_(NOT_SET)), **options)


def _options(
    context: AppContext,
    info: SettingInfo,
    widget: SyncedWidget,
    *,
    convert: Callable[[Any], Any] = lambda value: value,
) -> dict[str, Any]:
    def change(value: Any) -> None:
        context.settings.change(info.name, convert(value))

    return {
        "key": widget.key,
        "label_visibility": "collapsed",
        "disabled": context.settings.locked(info.name) is not None,
        "on_change": run_change,
        "args": (_place(info), widget, change),
    }


def _draw_choice(
    context: AppContext, info: SettingInfo, value: Any, listed: Sequence[str], words: Callable[[str], str]
) -> None:
    now = value or ""
    choices = list(dict.fromkeys((*listed, now)))  # what is not there now keeps its line
    widget = sync_widget(_place(info), now, options=tuple(choices))
    options = _options(context, info, widget, convert=lambda choice: choice or None)
    st.selectbox(_(info.title), choices, choices.index(widget.default), format_func=words, **options)


def _device_words(name: str, *, default: str) -> str:
    return printable(name) if name else default


def _draw_share(context: AppContext, info: SettingInfo, value: float) -> None:
    low, high = (round(100 * (limit or 0.0)) for limit in (info.low, info.high))
    widget = sync_widget(_place(info), round(100 * value))
    options = _options(context, info, widget, convert=lambda percent: percent / 100)
    st.slider(_(info.title), low, high, widget.default, format="%d\N{NO-BREAK SPACE}%%", **options)


def _draw_number(context: AppContext, info: SettingInfo, value: float) -> None:
    kind: type[int] | type[float] = int if info.kind is SettingKind.WHOLE_NUMBER else float
    low, high = (None if limit is None else kind(limit) for limit in (info.low, info.high))
    widget = sync_widget(_place(info), value)
    unit = unit_words(info)
    st.number_input(
        f"{_(info.title)}, {unit}" if unit else _(info.title),
        low,
        high,
        widget.default,
        kind(max(1, _STEPS.get(info.unit, 1.0))) if kind is int else _STEPS.get(info.unit, 0.1),
        format="%d" if kind is int else "%g",
        width=_NUMBER_WIDTH,
        **_options(context, info, widget),
    )
    if unit:
        st.html(f'<span class="at-unit" aria-hidden="true">{unit}</span>', width="content")
