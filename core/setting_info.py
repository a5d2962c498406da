"""What is known of one setting, for pages and commands: its words, unit, range, and when a change holds."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import Field
from pydantic.fields import FieldInfo


class Section(StrEnum):
    """What a setting is about."""

    SOUND = "sound"
    CONFIDENCE = "confidence"
    MODELS = "models"
    PLAYER = "player"
    HOME = "home"
    PRIVACY = "privacy"
    LANGUAGE = "language"


class TakesEffect(StrEnum):
    """When a change takes effect in a program that runs."""

    AT_ONCE = "at once"
    LISTENING = "when listening starts again"
    PROGRAM = "when Attune starts again"


class SettingKind(StrEnum):
    """What sort of value a setting has."""

    SWITCH = "switch"
    CHOICE = "choice"
    WHOLE_NUMBER = "whole number"
    NUMBER = "number"
    PATH = "path"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class SettingInfo:
    """One setting."""

    name: str  # in the file; in capitals behind ATTUNE_ in the environment
    kind: SettingKind
    # Its name and what it does, for people.
    title: str
    explanation: str
    section: Section
    takes_effect: TakesEffect
    unit: str  # such as "s"; "%" for a share from 0 to 1; empty without one
    for_experts: bool  # hardly anybody ever needs it
    default: Any
    optional: bool  # it may be unset
    # Lowest and highest value of a number; None without a limit.
    low: float | None
    high: float | None
    choices: tuple[str, ...]  # of a choice

    @property
    def variable(self) -> str:
        """The variable of the environment that sets it."""
        return f"ATTUNE_{self.name.upper()}"

    @property
    def allowed(self) -> str:
        """What it may be, in words; empty where there is nothing to say."""
        if self.choices:
            return f"it is one of {', '.join(self.choices)}"
        if self.low is None or self.high is None:
            return ""
        return f"it goes from {self.low:g} to {self.high:g}"


def setting(
    default: Any,
    title: str,
    explanation: str,
    *,
    section: Section,
    takes_effect: TakesEffect,
    unit: str = "",
    for_experts: bool = False,
    within: tuple[float, float] | None = None,
    **limits: Any,
) -> Any:
    """Declare a field of `Settings`.

    Parameters
    ----------
    default
        Its default, or what makes it.
    title, explanation, section, takes_effect, unit, for_experts
        As in `SettingInfo`.
    within
        Lowest and highest value of a number.
    **limits
        Of `pydantic.Field`, where those are others.
    """
    about: dict[str, Any] = {
        "section": section.value,
        "takes_effect": takes_effect.value,
        "unit": unit,
        "for_experts": for_experts,
    }
    if within is not None:
        limits = {"ge": within[0], "le": within[1]}
    made = {"default_factory": default} if callable(default) else {"default": default}
    return Field(**made, title=title, description=explanation, json_schema_extra=about, **limits)


def info_of(name: str, field: FieldInfo) -> SettingInfo:
    """What a field that `setting` has declared says of itself."""
    about = field.json_schema_extra
    assert isinstance(about, Mapping)
    kinds = _members(field.annotation)
    choices = next((get_args(kind) for kind in kinds if get_origin(kind) is Literal), ())
    return SettingInfo(
        name,
        _kind(kinds),
        field.title or name,
        field.description or "",
        Section(str(about["section"])),
        TakesEffect(str(about["takes_effect"])),
        str(about["unit"]),
        bool(about["for_experts"]),
        field.get_default(call_default_factory=True),
        type(None) in kinds,
        _limit(field, "ge", "gt"),
        _limit(field, "le", "lt"),
        choices,
    )


def _members(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in {Union, types.UnionType} else (annotation,)


def _kind(kinds: tuple[Any, ...]) -> SettingKind:
    if any(get_origin(kind) is Literal for kind in kinds):
        return SettingKind.CHOICE
    known = {
        bool: SettingKind.SWITCH,
        int: SettingKind.WHOLE_NUMBER,
        float: SettingKind.NUMBER,
        Path: SettingKind.PATH,
    }
    return next((known[kind] for kind in kinds if kind in known), SettingKind.TEXT)


def _limit(field: FieldInfo, *names: str) -> float | None:
    found = (getattr(one, name) for one in field.metadata for name in names if hasattr(one, name))
    return next((float(value) for value in found), None)
