"""Events over HTTP: at once, with ids from which a reader goes on, and bounded."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from attune.api.limits import ServerLimits
from attune.engine.recent_events import RecentEvents
from realtime.notices import Notice, NoticeKind
from tests.attune.api.server import RunningServer, running_server


@dataclass(frozen=True)
class ReadEvent:
    """A server-sent event as a client sees it."""

    id: str
    type: str
    data: Any


class EventReader:
    """Reads the events of a response, one after the other."""

    def __init__(self, response: requests.Response) -> None:
        assert response.status_code == 200, response.text
        assert response.headers["content-type"].startswith("text/event-stream")
        self._lines = response.iter_lines(chunk_size=1)
        self.place = ""  # id that was read last

    def __iter__(self) -> Iterator[ReadEvent]:
        fields: dict[str, str] = {}
        for line in self._lines:
            name, _, value = line.decode().partition(": ")
            if line:
                fields[name] = value
                continue
            self.place = fields.get("id", self.place)
            if "data" in fields:
                yield ReadEvent(self.place, fields["event"], json.loads(fields["data"]))
            fields = {}

    def next(self) -> ReadEvent:
        return next(iter(self))

    def greeting(self) -> None:
        """Read what comes first: then all that happens is sent."""
        for line in self._lines:
            if line.startswith(b"id: "):
                self.place = line.decode().removeprefix("id: ")
            if not line:
                return


@contextmanager
def reading(server: RunningServer, query: str = "", **headers: str) -> Iterator[EventReader]:
    answer = requests.get(f"{server.url}/v1/events{query}", headers=headers, stream=True, timeout=60)
    with closing(answer):
        yield EventReader(answer)


def notice(text: str) -> Notice:
    return Notice(NoticeKind.RECORDING, text, at_s=1.0)


def recent(server: RunningServer) -> RecentEvents:
    return server.services.engine.events.recent


def test_events_come_with_ids_without_a_gap(api: RunningServer) -> None:
    with reading(api) as reader:
        reader.greeting()
        before = recent(api).newest
        for text in ("one", "two"):
            recent(api).add(notice(text))
        found = [reader.next(), reader.next()]
    assert [one.data["message"] for one in found] == ["one", "two"]
    assert [one.type for one in found] == ["notice", "notice"]
    assert [one.id for one in found] == [f"{recent(api).session}-{before + n}" for n in (1, 2)]


def test_a_reader_goes_on_where_it_was(api: RunningServer) -> None:
    with reading(api) as reader:
        reader.greeting()
        recent(api).add(notice("seen"))
        assert reader.next().data["message"] == "seen"
    recent(api).add(notice("while away"))
    with reading(api, **{"Last-Event-ID": reader.place}) as again:
        assert again.next().data["message"] == "while away"


@pytest.mark.parametrize("last", ["00000000-7", "nonsense", "-1", "99999999999999999999"])
def test_an_id_of_another_server_is_told_as_a_gap(api: RunningServer, last: str) -> None:
    recent(api).add(notice("kept"))
    with reading(api, **{"Last-Event-ID": last}) as reader:
        first = reader.next()
        assert (first.type, first.data) == ("gap", {"type": "gap", "missed": None})
        assert reader.next().data["message"]


def test_who_is_away_for_too_long_is_told_how_much_is_missing(api: RunningServer) -> None:
    with reading(api) as reader:
        reader.greeting()
    for number in range(650):
        recent(api).add(notice(str(number)))
    with reading(api, **{"Last-Event-ID": reader.place}) as again:
        gap, first = again.next(), again.next()
    assert (gap.type, gap.data["missed"]) == ("gap", 50)
    assert first.data["message"] == "50"


def test_a_reader_may_ask_for_some_types_alone(api: RunningServer) -> None:
    with reading(api, "?types=window") as reader:
        reader.greeting()
        recent(api).add(notice("not asked for"))
        api.post("/v1/listener/start", json={"source": "demo"})
        found = reader.next()
        api.post("/v1/listener/stop")
    assert found.type == "window"
    assert found.data["time_s"] == 3.0
    assert api.get("/v1/events?types=rumour").status_code == 422


def test_readers_are_bounded_and_a_place_is_free_again(empty_profile: None) -> None:  # noqa: ARG001
    with running_server(limits=ServerLimits(max_event_readers=2)) as server, ExitStack() as stack:
        first = stack.enter_context(ExitStack())
        readers = first.enter_context(reading(server)), stack.enter_context(reading(server))
        for reader in readers:  # they are kept: requests hangs up once nobody reads any more
            reader.greeting()
        refused = server.get("/v1/events")
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) >= 1
        first.close()
        while recent(server).readers == 2:  # pytest's timeout ends it
            time.sleep(0.02)
        stack.enter_context(reading(server)).greeting()


def test_the_end_of_the_server_ends_its_readers(empty_profile: None) -> None:  # noqa: ARG001
    with ExitStack() as stack:
        with running_server() as server:
            reader = stack.enter_context(reading(server))
            reader.greeting()
        assert list(reader) == []
