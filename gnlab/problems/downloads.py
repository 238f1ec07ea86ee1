"""Official data files: found and checked, or downloaded so that a broken download leaves nothing.

Every file that is read is compared with its official checksum first. A download goes into a
temporary folder beside its destination and only whole, checked files are moved out of it, one
atomic move each; so neither an interruption nor two processes at once leave a file that is taken
for good later. A damaged file that is already there is named, never used and never overwritten.
"""

import gzip
import hashlib
import http.client
import os
import shutil
import tarfile
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from gnlab.errors import InputError

TIMEOUT = 30.0  # seconds without a byte after which a connection counts as lost
_BLOCK = 1 << 20
_under_way: set[int] = set()  # threads


@dataclass(frozen=True, slots=True)
class Archive:
    """A file as it is offered for download.

    Attributes:
        name: Its file name.
        folder: Where it is found, below the root, if a person put it there.
        md5: Its official checksum.
        addresses: Where it is offered, in the order to try.
        holds: The names of the files in it that are needed.
    """

    name: str
    folder: str
    md5: str
    addresses: Sequence[str]
    holds: Sequence[str]


@dataclass(frozen=True, slots=True)
class DataSet:
    """The files of a data set.

    Attributes:
        title: Its name, for messages.
        folder: Where its files lie, below the root.
        files: The official checksum (MD5) of each file that is read, by file name.
    """

    title: str
    folder: str
    files: Mapping[str, str]

    def missing(self, root: Path) -> list[str]:
        """The files that are not there, by name; what is there is not checked."""
        folder = root / self.folder
        # Unlike Path.is_file, this takes a folder that may not be searched for an empty one.
        return [name for name in self.files if not os.path.isfile(folder / name)]

    def check(self, root: Path) -> None:
        """Compare every file that is there with its official checksum.

        Args:
            root: The folder of all data.

        Raises:
            InputError: Naming the first file that is damaged or cannot be read.
        """
        for name, md5 in self.files.items():
            _check_file(root / self.folder / name, md5, self.title)


class DownloadError(Exception):
    """Why a file could not be had from one address."""


def complete(
    data: DataSet,
    archives: Sequence[Archive],
    root: Path,
    progress: bool,
) -> None:
    """Download, check and unpack what is missing of a data set.

    Args:
        data: The data set.
        archives: What it is offered as.
        root: The folder of all data; made when it is absent.
        progress: Whether a progress bar is shown.

    Raises:
        InputError: If the folder cannot be written, an archive that lies there is damaged, or a
            download fails; nothing of it is kept then.
    """
    missing = data.missing(root)
    if not missing:
        return
    needed = [archive for archive in archives if set(archive.holds) & set(missing)]
    destination = root / data.folder
    try:
        destination.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=destination) as name:
            partial = Path(name)
            for archive in needed:
                source = _obtain(archive, data, root, partial, progress)
                unpack(source, partial)
            unpacked = {path.name: path for path in partial.rglob("*") if path.is_file()}
            for file in missing:
                _check_file(unpacked[file], data.files[file], data.title)
                unpacked[file].replace(destination / file)
    except DownloadError as error:
        raise InputError(
            f"{data.title}: {error}; nothing was kept. Try again, or put "
            f"{', '.join(archive.name for archive in needed)} into {root / needed[0].folder} "
            "by hand, or set GNLAB_DATA to a folder that has the data."
        ) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"{data.title} cannot be written into {destination} ({reason}); "
            "choose another folder with GNLAB_DATA, or make room or permissions there."
        ) from error


def unpack(source: Path, folder: Path) -> None:
    """Unpack the files of a tar archive, or one compressed file (``name.gz``).

    Args:
        source: The archive.
        folder: Where its files are put, side by side, whatever folders they are in.
    """
    if source.suffixes[-2:-1] != [".tar"]:
        with gzip.open(source) as packed, (folder / source.stem).open("wb") as target:
            shutil.copyfileobj(packed, target)
        return
    with tarfile.open(source) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None:
                with (folder / PurePosixPath(member.name).name).open("wb") as target:
                    shutil.copyfileobj(content, target)


def under_way(thread: int) -> bool:
    """Whether a thread is downloading.

    Args:
        thread: Its identifier.

    Returns:
        Whether it reads from a connection, or waits for one.
    """
    return thread in _under_way


def fetch(address: str, target: Path, md5: str, progress: bool) -> None:
    """Download one file and compare it with its checksum.

    Args:
        address: Where it is offered.
        target: The file to write.
        md5: Its official checksum.
        progress: Whether a progress bar is shown.

    Raises:
        DownloadError: If the address cannot be reached, the connection is lost or what came is
            not the official file.
    """
    digest = hashlib.md5(usedforsecurity=False)
    with _open(address) as response, target.open("wb") as file:
        length = response.length
        with tqdm(
            total=length, unit="B", unit_scale=True, desc=target.name, disable=not progress
        ) as bar:
            while block := _read(response):
                file.write(block)
                digest.update(block)
                bar.update(len(block))
        size = file.tell()
    if length is not None and size < length:
        raise DownloadError(f"the connection ended after {size} of {length} bytes")
    if digest.hexdigest() != md5:
        raise DownloadError(f"the {size} bytes that came are not the official file")


def _obtain(archive: Archive, data: DataSet, root: Path, partial: Path, progress: bool) -> Path:
    """An archive's path: where a person put it, or in ``partial`` after a download."""
    placed = root / archive.folder / archive.name
    if os.path.isfile(placed):
        _check_file(placed, archive.md5, data.title)
        return placed
    reasons = []
    for address in archive.addresses:
        target = partial / archive.name
        _under_way.add(threading.get_ident())
        try:
            fetch(address, target, archive.md5, progress)
        except DownloadError as error:
            reasons.append(str(error))
        else:
            return target
        finally:
            _under_way.discard(threading.get_ident())
    reason = "; ".join(dict.fromkeys(reasons))
    raise DownloadError(f"{archive.name} could not be downloaded ({reason})")


def _check_file(path: Path, md5: str, title: str) -> None:
    """Raise if a file that is there is not the official one."""
    if not os.path.isfile(path):
        return
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    except OSError as error:
        raise InputError(f"{title}: {path} cannot be read ({error.strerror}).") from error
    if found.hexdigest() != md5:
        raise InputError(
            f"{title}: {path} is damaged or cut short ({path.stat().st_size} bytes, its checksum "
            "is not the official one). Delete it; it is downloaded again at the next start."
        )


def _open(address: str) -> http.client.HTTPResponse:
    """Open an address, or say why not."""
    request = urllib.request.Request(address, headers={"User-Agent": "gnlab"})
    try:
        response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT)
    except (OSError, http.client.HTTPException) as error:
        host = urllib.parse.urlsplit(address).netloc
        raise DownloadError(f"{host}: {_reason(error)}") from error
    return response


def _read(response: http.client.HTTPResponse) -> bytes:
    """The next block, or say why not."""
    try:
        return response.read(_BLOCK)
    except (OSError, http.client.HTTPException) as error:
        raise DownloadError(f"the connection was lost: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """What went wrong, in the words of the system, without numbers."""
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code} {error.reason}"
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    return str(inner) or type(inner).__name__
