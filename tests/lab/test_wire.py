"""A frame's one text and one array hold everything that was packed."""

import json

import numpy as np
import pytest

from gnlab.lab.wire import Frame, pack, unpack


def test_what_was_packed_is_unpacked():
    frame = Frame(
        {"name": "dark"},
        [["loss", 0.0, 1.0, None, None, None, None]],
        {
            "hessian|cells": {"image": [np.arange(6.0).reshape(2, 3)], "x": [0]},
            "loss|train": {"step": np.array([1, 2]), "loss": np.array([np.nan, 0.5])},
            "strip|values": {"text": ["a", "b"], "x": np.empty(0, np.float32)},
        },
    )
    packed = pack(frame)
    assert [column.dtype for column in packed["numbers"]] == [np.float32]
    found = unpack(packed)
    assert (found.theme, found.spans) == (frame.theme, frame.spans)
    assert found.data["hessian|cells"]["image"][0].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found.data["hessian|cells"]["x"] == [0]
    assert found.data["loss|train"]["step"].tolist() == [1, 2]
    assert np.array_equal(found.data["loss|train"]["loss"], [np.nan, 0.5], equal_nan=True)
    assert found.data["strip|values"]["text"] == ["a", "b"]
    assert found.data["strip|values"]["x"].size == 0


def test_an_empty_frame_can_be_sent():
    packed = pack(Frame())
    assert packed["numbers"][0].size == 1
    assert unpack(packed).data == {}


def test_a_number_that_json_does_not_have_is_refused():
    with pytest.raises(ValueError, match="not JSON compliant"):
        pack(Frame(data={"loss|train": {"loss": [float("nan")]}}))
    json.loads(pack(Frame(data={"loss|train": {"loss": np.array([np.inf])}}))["text"][0])
