"""MNIST and CIFAR-10: the real images, normalised as in the paper, no augmentation.

Read by torchvision, from its own addresses and with its checksums where they are downloaded.

Legend: N images.

References:
    Wolinski, arXiv:2312.03885v2, Sec. 5 (data, splits, normalisation).
"""

import functools
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from gnlab.problems.downloads import Archive, DataSet, complete
from gnlab.problems.problem import Data, Normalisation
from gnlab.problems.streams import Stream, generator

ImageSet = Literal["mnist", "cifar10"]
NORMALISATIONS: dict[ImageSet, Normalisation] = {
    "mnist": Normalisation(mean=(0.1307,), std=(0.3081,)),
    "cifar10": Normalisation(mean=(0.4914, 0.4822, 0.4465), std=(0.2470, 0.2435, 0.2616)),
}
VALIDATION_SIZES: dict[ImageSet, int] = {"mnist": 6000, "cifar10": 5000}
_SPLIT_SEED = 0
_SETS: dict[ImageSet, DataSet] = {
    "mnist": DataSet(
        "MNIST",
        "MNIST/raw",
        {
            "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
            "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
            "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
            "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
        },
    ),
    "cifar10": DataSet(
        "CIFAR-10",
        "cifar-10-batches-py",
        {
            "data_batch_1": "c99cafc152244af753f735de768cd75f",
            "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "634d18415352ddfa80567beed471001a",
            "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
            "test_batch": "40351d587109b95175f43aff81a1287e",
            "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
        },
    ),
}

_TURNS: dict[ImageSet, threading.Lock] = {name: threading.Lock() for name in _SETS}


def data_root(root: str | Path | None = None) -> Path:
    """The folder of the image data.

    Args:
        root: A person's choice, or None.

    Returns:
        The choice, else the environment variable GNLAB_DATA, else ~/.cache/gnlab.
    """
    return Path(root or os.environ.get("GNLAB_DATA") or "~/.cache/gnlab").expanduser().absolute()


def found(root: str | Path | None = None) -> dict[str, bool]:
    """Which image data are there, by title; their contents are not checked.

    Args:
        root: The folder of the image data, as in ``data_root``.

    Returns:
        Whether every file of a data set is there.
    """
    return {data.title: not data.missing(data_root(root)) for data in _SETS.values()}


def image_sets(
    name: ImageSet, root: str | Path | None = None, progress: bool = True
) -> tuple[Data, Data, Data]:
    """The training, validation and test images; absent ones are downloaded first.

    The validation images are taken from the training set at random by a fixed seed, so every
    run has the same. What was read is kept, so that a reset does not read again.

    Args:
        name: "mnist" (54 000, 6000 and 10 000 images) or "cifar10" (45 000, 5000 and 10 000).
        root: The folder of the image data, as in ``data_root``.
        progress: Whether a download shows a progress bar.

    Returns:
        Images uint8 [N, channels, height, width], with their classes.
    """
    with _TURNS[name]:  # of many that ask at once one reads, and all have the same images
        return _load(_Request(name, data_root(root), progress))


@dataclass(frozen=True, slots=True)
class _Request:
    """What is asked for; whether a bar is shown makes no difference to what is kept."""

    name: ImageSet
    root: Path
    progress: bool = field(compare=False)


@functools.lru_cache(maxsize=2)
def _load(request: _Request) -> tuple[Data, Data, Data]:
    """Check, complete, read and split a data set."""
    name, root = request.name, request.root
    _SETS[name].check(root)
    if _SETS[name].missing(root):
        _download(name, root, request.progress)
    (inputs, targets), test = _read(name, root)
    order = torch.randperm(
        len(targets), generator=generator(_SPLIT_SEED, Stream.split), device="cpu"
    )
    validation, train = order[: VALIDATION_SIZES[name]], order[VALIDATION_SIZES[name] :]
    norm = NORMALISATIONS[name]
    return (
        Data(inputs[train], targets[train], norm),
        Data(inputs[validation], targets[validation], norm),
        Data(*test, norm),
    )


def _download(name: ImageSet, root: Path, progress: bool) -> None:
    """Complete a data set from torchvision's addresses."""
    # Importing torchvision takes two seconds, which problems without images shall not wait for.
    from torchvision.datasets import CIFAR10, MNIST  # noqa: PLC0415  (slow, see above)

    data = _SETS[name]
    if name == "mnist":
        archives = [
            Archive(file, data.folder, md5, [m + file for m in MNIST.mirrors], [file[:-3]])
            for file, md5 in MNIST.resources
        ]
    else:
        archives = [Archive(CIFAR10.filename, "", CIFAR10.tgz_md5, [CIFAR10.url], [*data.files])]
    complete(data, archives, root, progress)


def _read(name: ImageSet, root: Path) -> list[tuple[Tensor, Tensor]]:
    """Images and classes of the training and of the test set, whose files are complete."""
    from torchvision.datasets import CIFAR10, mnist  # noqa: PLC0415  (slow, see above)

    parts = []
    if name == "mnist":
        for part in ("train", "t10k"):
            stem = str(root / _SETS[name].folder / part)
            images = mnist.read_image_file(f"{stem}-images-idx3-ubyte").unsqueeze(1)
            parts.append((images, mnist.read_label_file(f"{stem}-labels-idx1-ubyte")))
        return parts
    for train in (True, False):
        photos = CIFAR10(str(root), train=train)
        # torchvision hands colours out last, networks want them first.
        images = torch.from_numpy(photos.data).permute(0, 3, 1, 2).contiguous()
        parts.append((images, torch.tensor(photos.targets, device="cpu")))
    return parts
