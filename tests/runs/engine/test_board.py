import dataclasses
import secrets
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from gnlab.errors import InputError
from gnlab.runs import Run, Settings
from gnlab.runs.engine import board
from gnlab.runs.engine.board import CAPACITY, Reader, Segment, Writer
from gnlab.runs.engine.child import Boards
from gnlab.runs.engine.packing import pack, unpack
from gnlab.runs.engine.seat import Seat
from gnlab.runs.engine.snapshot import opening


@pytest.fixture
def name():
    return f"gnlab-test-{secrets.token_hex(4)}-run"


@pytest.fixture
def pair(name):
    reader = Reader(name)
    writer = Writer(name)
    yield writer, reader
    writer.close(unlink=False)
    reader.close()


def test_the_newest_version_is_read_once(pair):
    writer, reader = pair
    assert reader.read(-1) is None
    for version in (1, 2, 3):
        writer.write(version, [b"number ", str(version).encode()])
    version, content = reader.read(-1)
    assert (version, bytes(content)) == (3, b"number 3")
    assert reader.read(3) is None
    writer.write(4, [b""])
    assert reader.read(3) == (4, b"")


def test_a_board_grows_with_what_is_written(pair):
    writer, reader = pair
    for version, size in enumerate((10, CAPACITY, 3 * CAPACITY, 50, 10 * CAPACITY), 1):
        writer.write(version, [bytes([version]) * size])
        found, content = reader.read(version - 1)
        assert (found, bytes(content)) == (version, bytes([version]) * size)


def test_a_reader_that_looks_late_finds_the_end_of_the_chain(pair):
    writer, reader = pair
    for version in range(1, 6):
        writer.write(version, [b"x" * (CAPACITY * 3**version // 3)])
    assert reader.read(-1)[0] == 5


def test_what_was_written_last_is_read_when_the_writer_has_gone(name):
    reader, writer = Reader(name), Writer(name)
    for version in range(1, 4):
        writer.write(version, [b"x" * (CAPACITY * 3**version // 3)])
    writer.close(unlink=False)
    assert reader.read(-1)[0] == 3
    reader.close()


@pytest.mark.parametrize("unlink", [False, True])
def test_a_reader_removes_also_what_it_has_not_read(name, unlink):
    reader, writer = Reader(name), Writer(name)
    for version in range(1, 4):
        writer.write(version, [b"x" * (CAPACITY * 3**version // 3)])
    writer.close(unlink=unlink)
    reader.close()
    for generation in range(3):
        with pytest.raises(FileNotFoundError):
            Segment(name, generation)


def test_without_room_the_last_version_stays(pair, monkeypatch):
    writer, reader = pair
    writer.write(1, [b"one"])

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(board.os, "posix_fallocate", full)
    with pytest.raises(InputError, match="no room left in shared memory"):
        writer.write(2, [b"x" * 2 * CAPACITY])
    assert bytes(reader.read(-1)[1]) == b"one"
    writer.write(3, [b"three"])
    assert reader.read(1)[0] == 3


def test_a_snapshot_for_which_there_is_no_room_at_all_ends_nothing(pair, monkeypatch):
    _, reader = pair
    publishing = Boards(reader._name.removesuffix("run"))
    publishing.publish("run", dataclasses.replace(opening(Settings("moons")), version=1))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(board.os, "posix_fallocate", full)
    large = Settings("moons", partition={"a": ["x" * 2 * CAPACITY]})
    publishing.publish("run", dataclasses.replace(opening(large), version=2))
    assert unpack(reader.read(-1)[1]).version == 1
    publishing.publish("run", dataclasses.replace(opening(Settings("moons")), version=3))
    assert unpack(reader.read(1)[1]).version == 3
    publishing.forget("run")


def test_no_version_is_ever_torn(name, until):
    total = 3000
    reader = Reader(name)
    script = Path(__file__).with_name("write_board.py")
    writing = subprocess.Popen([sys.executable, script, name, str(total)])
    seen = []

    def look():
        found = reader.read(seen[-1] if seen else -1)
        if found is not None:
            version, content = found
            assert zlib.crc32(content[4:]).to_bytes(4, "big") == content[:4]
            seen.append(version)
        return seen

    try:
        until(look, lambda versions: versions and versions[-1] == total)
        assert writing.wait() == 0
    finally:
        writing.kill()
        writing.wait()
        reader.close()
    assert seen == sorted(set(seen))
    assert len(seen) > 3


def test_a_snapshot_survives_the_packing():
    seat = Seat(Settings("moons", device="cpu"), lambda _: None)
    seat.take_seat(Run("moons", device="cpu"))
    for _ in range(3):
        seat.advance()
    before = seat.snapshot()
    after = unpack(memoryview(b"".join(bytes(part) for part in pack(before))))
    assert (after.version, after.settings, after.levels) == (
        before.version,
        before.settings,
        before.levels,
    )
    np.testing.assert_array_equal(after.record.H, before.record.H)
    np.testing.assert_array_equal(after.history.step_size, before.history.step_size)
    np.testing.assert_array_equal(after.history.loss, before.history.loss)
    assert not after.history.loss.flags.writeable
    assert after.history.loss.flags.aligned
