"""MNIST and CIFAR-10, from the real files where they are there, and what is said where not."""

import gzip
import threading
import time

import pytest
import torch
from torchvision.datasets import CIFAR10, MNIST

from gnlab.errors import InputError
from gnlab.problems import Batches, images, problem

SIZES = {"mnist": (54_000, 6_000, 10_000), "cifar10": (45_000, 5_000, 10_000)}
SHAPES = {"mnist": (1, 28, 28), "cifar10": (3, 32, 32)}
TITLES = {"mnist": "MNIST", "cifar10": "CIFAR-10"}


# The images are not part of the repository, and no test downloads them: where they are missing,
# what reads them is skipped and says how to have it run.
@pytest.fixture(params=["mnist", "cifar10"])
def real(request):
    if not images.found()[TITLES[request.param]]:
        pytest.skip(f"no {TITLES[request.param]} in {images.data_root()}; set GNLAB_DATA")
    return request.param


def fingerprints(inputs):
    """One number per image; two different images share one with probability 2⁻⁵³ or so."""
    generator = torch.Generator().manual_seed(0)
    weights = torch.rand(inputs[0].numel(), generator=generator, dtype=torch.float64)
    return torch.cat([part.flatten(1).double() @ weights for part in inputs.split(5000)])


@pytest.mark.data
def test_split(real):
    train, validation, test = images.image_sets(real)
    assert (len(train), len(validation), len(test)) == SIZES[real]
    for data in (train, validation, test):
        assert data.inputs.dtype is torch.uint8
        assert data.inputs.shape[1:] == SHAPES[real]
        share = data.targets.bincount(minlength=10) / len(data)
        assert share.min() > 0.08
        assert share.max() < 0.125


@pytest.mark.data
def test_split_holds_every_training_image_once(real):
    root = images.data_root()
    if real == "mnist":
        official = MNIST(root).data.unsqueeze(1)
    else:
        official = torch.from_numpy(CIFAR10(root).data).permute(0, 3, 1, 2)
    train, validation, _ = images.image_sets(real)
    together = torch.cat([fingerprints(train.inputs), fingerprints(validation.inputs)])
    torch.testing.assert_close(
        together.sort().values, fingerprints(official).sort().values, rtol=1e-12, atol=0
    )


@pytest.mark.data
def test_images_and_classes_stay_together(real):
    """The first test image of each set, whose class is printed in every introduction."""
    _, _, test = images.image_sets(real)
    assert test.targets[:4].tolist() == {"mnist": [7, 2, 1, 0], "cifar10": [3, 8, 8, 0]}[real]


@pytest.mark.data
def test_normalisation(real):
    """The published means and deviations are those of the training images."""
    train, _, _ = images.image_sets(real)
    x, _ = train.batch(torch.arange(20_000))
    channels = x.transpose(0, 1).flatten(1)
    assert channels.mean(dim=1).abs().max() < 0.02
    assert (channels.std(dim=1) - 1).abs().max() < 0.02


@pytest.mark.data
def test_read_once(real):
    first = images.image_sets(real, progress=True)
    assert images.image_sets(real, progress=False) is first


@pytest.mark.data
@pytest.mark.parametrize("name", ["mlp-mnist", "lenet-cifar10"])
def test_first_loss_is_near_guessing(name):
    if not all(images.found().values()):  # see above
        pytest.skip(f"no image data in {images.data_root()}; set GNLAB_DATA")
    p = problem(name)
    order = Batches(len(p.train), p.hyperparameters.batch_size, 0)
    x, y = p.train.batch(order.indices(0))
    assert 2 < p.loss_fn(p.model(x), y).item() < 3


def test_of_many_that_ask_at_once_one_reads(tmp_path, monkeypatch):
    reading, readers, barrier = [], [], threading.Barrier(4)
    few = torch.zeros(6100, 1, 1, 1, dtype=torch.uint8), torch.zeros(6100, dtype=torch.int64)

    def read(name, root):
        reading.append(name)
        time.sleep(0.1)  # so that the others come meanwhile
        return [few, few]

    def ask():
        barrier.wait()
        readers.append(images.image_sets("mnist", tmp_path))

    monkeypatch.setattr(images, "_download", lambda *_: None)
    monkeypatch.setattr(images, "_read", read)
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reading == ["mnist"]
    assert all(found is readers[0] for found in readers)


def test_root(monkeypatch, tmp_path):
    monkeypatch.setenv("GNLAB_DATA", str(tmp_path / "variable"))
    assert images.data_root() == tmp_path / "variable"
    assert images.data_root(tmp_path / "argument") == tmp_path / "argument"
    monkeypatch.delenv("GNLAB_DATA")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert images.data_root() == tmp_path / ".cache" / "gnlab"
    assert images.found() == {"MNIST": False, "CIFAR-10": False}


@pytest.fixture
def no_network(monkeypatch):
    """torchvision's addresses replaced by one where nobody answers."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(MNIST, "mirrors", ["http://127.0.0.1:9/"])
    monkeypatch.setattr(CIFAR10, "url", "http://127.0.0.1:9/cifar-10-python.tar.gz")


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mlp-mnist", "MNIST: train-images-idx3-ubyte.gz could not be downloaded"),
        ("vbigmlp-cifar10", "CIFAR-10: cifar-10-python.tar.gz could not be downloaded"),
    ],
)
def test_no_network(name, said, tmp_path):
    with pytest.raises(InputError) as error:
        problem(name, root=tmp_path, progress=False)
    assert said in str(error.value)
    assert str(tmp_path) in str(error.value)
    assert "Connection refused" in str(error.value)


def test_truncated_download(offer, tmp_path, monkeypatch):
    offer.files = {name: gzip.compress(bytes(1000)) for name, _ in MNIST.resources}
    offer.fault = "cut"
    monkeypatch.setattr(MNIST, "mirrors", [offer.address])
    with pytest.raises(InputError, match=r"MNIST: .*connection ended after.*nothing was kept"):
        problem("mlp-mnist", root=tmp_path, progress=False)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_wrong_file_at_the_address_is_refused(offer, tmp_path, monkeypatch):
    offer.files = {"cifar-10-python.tar.gz": b"<html>moved</html>"}
    monkeypatch.setattr(CIFAR10, "url", offer.address + "cifar-10-python.tar.gz")
    with pytest.raises(
        InputError, match=r"CIFAR-10: .*the 18 bytes that came are not the official"
    ):
        problem("lenet-cifar10", root=tmp_path, progress=False)


def test_damaged_file(tmp_path):
    bad = tmp_path / "cifar-10-batches-py" / "data_batch_3"
    bad.parent.mkdir()
    bad.write_bytes(b"half of it")
    with pytest.raises(
        InputError, match=r"CIFAR-10: .*data_batch_3 is damaged or cut short \(10 b"
    ):
        problem("lenet-cifar10", root=tmp_path, progress=False)
    assert bad.read_bytes() == b"half of it"


def test_unwritable_root(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="MNIST cannot be written into"):
        problem("mlp-mnist", root=tmp_path / "file" / "below", progress=False)
