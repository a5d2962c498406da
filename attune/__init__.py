"""A real-time desktop listener: hears how people feel, and lets the music follow.

This module is the public Python API. What it names is imported when it is first used.

Examples
--------
>>> import attune
>>> print(attune.tag_mood(attune.DEMO))  # doctest: +ELLIPSIS
demo.ogg: ...%, ...%, ...%
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attune.engine.engine import Engine
    from attune.public_api import listen, profile, recognise, tag_mood
    from core.emotions import Emotion
    from core.errors import AttuneError
    from core.settings import Settings
    from realtime.capture.demo import DEMO_FILE as DEMO
    from realtime.notices import Notice, NoticeKind

__all__ = [
    "DEMO",
    "AttuneError",
    "Emotion",
    "Engine",
    "Notice",
    "NoticeKind",
    "Settings",
    "__version__",
    "listen",
    "profile",
    "recognise",
    "tag_mood",
]

__version__: str

_HOMES = {
    "AttuneError": "core.errors:AttuneError",
    "DEMO": "realtime.capture.demo:DEMO_FILE",
    "Emotion": "core.emotions:Emotion",
    "Engine": "attune.engine.engine:Engine",
    "Notice": "realtime.notices:Notice",
    "NoticeKind": "realtime.notices:NoticeKind",
    "Settings": "core.settings:Settings",
    "listen": "attune.public_api:listen",
    "profile": "attune.public_api:profile",
    "recognise": "attune.public_api:recognise",
    "tag_mood": "attune.public_api:tag_mood",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value: Any = import_module("core.version").app_version()
    elif home := _HOMES.get(name):
        module, _, attribute = home.partition(":")
        value = getattr(import_module(module), attribute)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
