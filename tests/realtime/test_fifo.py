"""The FIFO: every block once and in order, losses said aloud."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from core.errors import DeviceLostError
from realtime.capture.source import SourceInfo, SourceKind
from realtime.fifo import Begin, BlockFifo, End, Gap, Record, Sound


def info(*, lossless: bool = False, channels: int = 2) -> SourceInfo:
    return SourceInfo(SourceKind.PUSH, "test", 1_000, channels, lossless=lossless)


def block(start: int, frames: int, channels: int = 2) -> np.ndarray:
    ramp = np.arange(start, start + frames, dtype=np.float32)
    return np.repeat(ramp[:, np.newaxis], channels, axis=1)


def drain(fifo: BlockFifo) -> list[Record]:
    records = []
    while (record := fifo.get(0.0)) is not None:
        records.append(record)
    return records


def test_blocks_come_out_once_and_in_order_across_the_wrap() -> None:
    fifo = BlockFifo(0.1)  # 100 frames
    fifo.begin(info())
    out = []
    for start in range(0, 700, 70):
        fifo.write(block(start, 70))
        out += [r.block for r in drain(fifo) if isinstance(r, Sound)]
    np.testing.assert_array_equal(np.concatenate(out), block(0, 700))


def test_written_block_is_copied() -> None:
    fifo = BlockFifo(0.1)
    fifo.begin(info())
    mine = block(0, 10)
    fifo.write(mine)
    mine[:] = -1
    sound = drain(fifo)[1]
    assert isinstance(sound, Sound)
    np.testing.assert_array_equal(sound.block, block(0, 10))


def test_live_block_without_room_is_lost_and_said() -> None:
    fifo = BlockFifo(0.1)
    fifo.begin(info())
    fifo.write(block(0, 80))
    fifo.write(block(80, 30))
    fifo.write(block(110, 20))
    records = drain(fifo)
    assert [type(r) for r in records] == [Begin, Sound, Gap, Sound]
    assert records[2] == Gap(30, 0)


def test_losses_of_a_standstill_become_one_record() -> None:
    fifo = BlockFifo(0.1)
    fifo.begin(info())
    fifo.write(block(0, 100))
    for _ in range(50):
        fifo.overflow()
        fifo.write(block(0, 10))
    assert len(drain(fifo)) == 2
    fifo.write(block(0, 10))
    assert drain(fifo)[0] == Gap(500, 50)


def test_lossless_writer_waits_for_room_even_with_blocks_larger_than_the_fifo() -> None:
    fifo = BlockFifo(0.1)
    fifo.begin(info(lossless=True))
    writer = threading.Thread(target=lambda: (fifo.write(block(0, 450)), fifo.end()))
    writer.start()
    out: list[np.ndarray] = []
    while not isinstance(record := fifo.get(1.0), End):
        if isinstance(record, Sound):
            out.append(record.block)
    writer.join(1.0)
    np.testing.assert_array_equal(np.concatenate(out), block(0, 450))


def test_close_frees_a_waiting_writer_and_a_waiting_reader() -> None:
    fifo = BlockFifo(0.1)
    fifo.begin(info(lossless=True))
    writer = threading.Thread(target=lambda: fifo.write(block(0, 1_000)))
    writer.start()
    time.sleep(0.05)
    fifo.close()
    writer.join(1.0)
    assert not writer.is_alive()
    drain(fifo)
    assert fifo.get(10.0) is None


def test_records_keep_their_order_and_a_reopened_stream_may_have_another_shape() -> None:
    fifo = BlockFifo(0.1)
    fifo.begin(info())
    fifo.write(block(0, 10))
    fifo.overflow()
    fifo.begin(info(channels=1))
    fifo.write(block(10, 5, channels=1))
    lost = DeviceLostError("gone")
    fifo.end(lost)
    records = drain(fifo)
    assert [type(r) for r in records] == [Begin, Sound, Gap, Begin, Sound, End]
    assert records[-1] == End(lost)
    assert isinstance(records[4], Sound)
    assert records[4].block.shape == (5, 1)


@pytest.mark.parametrize(
    ("silent_s", "stalled", "stalled_before_the_first_block"),
    [(1.0, False, False), (3.0, True, False), (5.0, True, True)],
)
def test_a_stream_that_has_not_sounded_yet_may_take_longer(
    silent_s: float, stalled: bool, stalled_before_the_first_block: bool
) -> None:
    fifo = BlockFifo(1.0)
    fifo.last_write_s = time.perf_counter() - silent_s
    assert fifo.stalled(2.0, awaiting_sound=False) is stalled
    assert fifo.stalled(2.0, awaiting_sound=True) is stalled_before_the_first_block
