"""Training on the real image files."""

import numpy as np
import pytest

import gnlab
from gnlab.problems import images


@pytest.mark.data
@pytest.mark.parametrize("preset", ["mlp-mnist", "lenet-cifar10"])
def test_the_papers_networks_learn_from_the_real_images(preset):
    if not all(images.found().values()):  # they are not part of the repository
        pytest.skip(f"no image data in {images.data_root()}; set GNLAB_DATA")
    run = gnlab.Run(preset, seed=0)
    for _ in range(40):
        run.step()
    losses = np.array(run.history.loss)
    assert np.isfinite(losses).all()
    assert losses[-10:].mean() < losses[:10].mean() - 0.1
    assert not run.stopped
