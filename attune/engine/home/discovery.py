"""Topics on the broker, and the message by which Home Assistant finds this machine. Pure.

Source: Home Assistant, "MQTT", sections "Discovery messages" and "Device discovery payload",
https://www.home-assistant.io/integrations/mqtt/ (device discovery is known from version 2024.11 on).
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Final

from attune.engine.home.states import EMOTION_WORDS, ENERGY_STATES, PLEASANTNESS_STATES, HomeState

ON, OFF = "ON", "OFF"
ONLINE, OFFLINE = "online", "offline"
_ROOT: Final = "attune"


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one machine."""

    node: str  # its name as a topic has it; also the name of the connection, `attune-NODE`
    discovery: str

    @property
    def state(self) -> str:
        """JSON of `HomeState`, retained."""
        return f"{_ROOT}/{self.node}/state"

    @property
    def availability(self) -> str:
        """Whether Attune is there: online or offline, retained."""
        return f"{_ROOT}/{self.node}/availability"

    @property
    def pause(self) -> str:
        """Takes ON and OFF: whether listening is paused."""
        return f"{_ROOT}/{self.node}/pause/set"


def topics_of(name: str, prefix: str) -> Topics:
    """The topics of a machine.

    Parameters
    ----------
    name
        Of the machine, for people.
    prefix
        Where Home Assistant looks for new devices.

    Examples
    --------
    >>> topics_of("Living room", "homeassistant").state
    'attune/living-room/state'
    """
    node = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")
    if not node:  # a name in another script
        node = sha256(name.encode()).hexdigest()[:8]
    return Topics(node, f"{prefix}/device/{_ROOT}-{node}/config")


def state_payload(state: HomeState) -> str:
    """A state as it is published."""
    values = asdict(state)
    return json.dumps({name: _switch(value) for name, value in values.items()}, ensure_ascii=False)


def discovery_payload(topics: Topics, *, name: str, version: str) -> str:
    """The message by which Home Assistant finds all entities of this machine.

    Parameters
    ----------
    topics
        Its topics.
    name
        Of the machine, for people.
    version
        Of Attune.
    """
    words = {
        "emotion": ("Emotion", "mdi:emoticon-outline", EMOTION_WORDS),
        "energy": ("Energy", "mdi:lightning-bolt-outline", ENERGY_STATES),
        "pleasantness": ("Pleasantness", "mdi:heart-outline", PLEASANTNESS_STATES),
    }
    entities: dict[str, dict[str, Any]] = {
        key: {
            "platform": "sensor",
            "name": title,
            "icon": icon,
            "device_class": "enum",
            "options": list(options),
        }
        for key, (title, icon, options) in words.items()
    }
    entities["playing"] = {"platform": "sensor", "name": "Playing", "icon": "mdi:music"}
    entities["listening"] = {"platform": "binary_sensor", "name": "Listening", "icon": "mdi:microphone"}
    entities["paused"] = {
        "platform": "switch",
        "name": "Pause listening",
        "icon": "mdi:microphone-off",
        "command_topic": topics.pause,
        "retain": False,
    }
    for key, entity in entities.items():
        entity |= {
            "unique_id": f"{_ROOT}-{topics.node}-{key}",
            "value_template": f"{{{{ value_json.{key} }}}}",
        }
    message = {
        "device": {
            "identifiers": [f"{_ROOT}-{topics.node}"],
            "name": f"Attune {name}",
            "manufacturer": "Attune",
            "model": "Attune",
            "sw_version": version,
        },
        "origin": {"name": "Attune", "sw_version": version},
        "components": entities,
        "state_topic": topics.state,
        "availability_topic": topics.availability,
        "qos": 1,
    }
    return json.dumps(message, ensure_ascii=False)


def _switch(value: object) -> object:
    return (ON if value else OFF) if isinstance(value, bool) else value
