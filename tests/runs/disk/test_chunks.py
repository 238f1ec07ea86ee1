"""The matrices of a record: how they are cut, and what lies on disk after each piece."""

import numpy as np
import pytest

from gnlab.runs.disk.chunks import PIECE_BYTES, Matrices
from gnlab.runs.disk.thinning import Thinning


def read(path, *shape):
    return np.frombuffer(path.read_bytes()).reshape(shape)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_large_matrix_is_written_a_piece_at_a_time(dtype, tmp_path):
    shape = 3, 400, 400  # 3.7 pieces
    matrix = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    matrices = Matrices(tmp_path, shape, Thinning(1, 10))
    sizes = [0]
    for _ in matrices.write([matrix, matrix], 0):
        sizes.append(sum(file.stat().st_size for file in tmp_path.iterdir()))
    assert len(sizes) == 1 + 2 * 4 - 1
    assert np.diff(sizes).max() <= PIECE_BYTES
    for row in range(2):
        np.testing.assert_array_equal(read(tmp_path / f"c.{row}.0.0.0", *shape), matrix)
    assert len(list(tmp_path.iterdir())) == 2


def test_small_chunks_are_written_one_at_a_time(tmp_path):
    matrices = Matrices(tmp_path, (2, 2), Thinning(3, 10))
    turns = matrices.write([np.full((2, 2), float(n)) for n in range(10)], 0)
    files = [len(list(tmp_path.iterdir())) for _ in turns]
    assert files == [1, 2, 3]  # the fourth is there at the end
    assert len(list(tmp_path.iterdir())) == 4


def test_what_is_broken_off_leaves_the_old_file_and_is_written_again(tmp_path):
    matrices = Matrices(tmp_path, (500, 500), Thinning(2, 10))
    first, second, third = (np.full((500, 500), float(n)) for n in range(3))
    for _ in matrices.write([first], 0):
        pass
    matrices.settle()
    next(matrices.write([second, third], 1))
    whole = read(tmp_path / "c.0.0.0", 2, 500, 500)
    np.testing.assert_array_equal(whole[0], first)
    assert np.isnan(whole[1]).all()
    for _ in matrices.write([second, third], 1):
        pass
    np.testing.assert_array_equal(read(tmp_path / "c.0.0.0", 2, 500, 500), [first, second])
    np.testing.assert_array_equal(read(tmp_path / "c.1.0.0", 2, 500, 500)[0], third)


def test_a_chunk_without_a_matrix_has_no_file(tmp_path):
    matrices = Matrices(tmp_path, (2, 2), Thinning(3, 10))
    for _ in matrices.write([None, None, None, None, np.eye(2)], 0):
        pass
    (written,) = tmp_path.iterdir()
    assert written.name == "c.1.0.0"
    whole = read(written, 3, 2, 2)
    assert np.isnan(whole[[0, 2]]).all()
    np.testing.assert_array_equal(whole[1], np.eye(2))


def test_what_follows_is_written_where_the_other_is(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = (Matrices(tmp_path / name, (1,), Thinning(1, 2)) for name in ("one", "two"))
    for row in range(12):
        two.follow(one)
        for matrices, missing in ((one, False), (two, row % 3 == 0)):
            list(matrices.write([None if missing else np.ones(1)], row))
        one.settle()
        two.settle()
    rows = [
        {int(file.name.split(".")[1]) for file in (tmp_path / n).iterdir()} for n in ("one", "two")
    ]
    assert rows[1] == {row for row in rows[0] if row % 3}
    assert len(rows[0]) < 12
