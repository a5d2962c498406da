"""Topics and the message by which Home Assistant finds a machine."""

from __future__ import annotations

import json

import pytest

from attune.engine.home.discovery import discovery_payload, state_payload, topics_of
from attune.engine.home.states import HomeState


def test_topics_bear_the_name_of_the_machine() -> None:
    topics = topics_of("  Living Room #2/+ ", "homeassistant")
    assert topics.node == "living-room-2"
    assert topics.discovery == "homeassistant/device/attune-living-room-2/config"
    assert topics.state == "attune/living-room-2/state"
    assert topics.availability == "attune/living-room-2/availability"
    assert topics.pause == "attune/living-room-2/pause/set"


def test_a_name_in_another_script_has_topics_of_its_own() -> None:
    nodes = {topics_of(name, "homeassistant").node for name in ("客厅", "厨房", "+/#")}
    assert len(nodes) == 3
    assert all(node.isalnum() for node in nodes)


def test_a_state_is_json_with_switches_as_home_assistant_has_them() -> None:
    assert json.loads(state_payload(HomeState("sad", listening=True))) == {
        "emotion": "sad",
        "energy": "no voice",
        "pleasantness": "no voice",
        "listening": "ON",
        "paused": "OFF",
        "playing": "nothing",
    }


def test_every_value_of_a_state_is_an_entity_with_a_name_and_an_id() -> None:
    topics = topics_of("Test room", "homeassistant")
    found = json.loads(discovery_payload(topics, name="Test room", version="1.2"))
    state = json.loads(state_payload(HomeState()))
    assert set(found["components"]) == set(state)
    ids = [entity["unique_id"] for entity in found["components"].values()]
    assert len(set(ids)) == len(state)
    for key, entity in found["components"].items():
        assert entity["value_template"] == f"{{{{ value_json.{key} }}}}"
        assert entity["name"]
        assert entity["platform"] in ("sensor", "binary_sensor", "switch")
    assert found["components"]["paused"]["command_topic"] == topics.pause
    assert found["device"] == {
        "identifiers": ["attune-test-room"],
        "name": "Attune Test room",
        "manufacturer": "Attune",
        "model": "Attune",
        "sw_version": "1.2",
    }
    assert found["origin"]["name"] == "Attune"


@pytest.mark.parametrize("key", ["emotion", "energy", "pleasantness"])
def test_what_a_voice_can_be_is_listed(key: str) -> None:
    found = json.loads(discovery_payload(topics_of("x", "homeassistant"), name="x", version="1"))
    entity = found["components"][key]
    assert entity["device_class"] == "enum"
    assert {"unsure", "no voice"} < set(entity["options"])
