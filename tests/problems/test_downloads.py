"""Downloads from a real, faulty server: what is kept is whole, and a person is told the rest."""

import gzip
import hashlib
import io
import tarfile
import threading
from pathlib import Path

import pytest

from gnlab.errors import InputError
from gnlab.problems import downloads
from gnlab.problems.downloads import Archive, DataSet, complete

FILES = {"one": bytes(range(256)) * 500, "two": b"labels" * 1000}


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def tar_of(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"toy/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


@pytest.fixture(params=["tar", "gz"])
def toy(request, offer):
    """A data set of two files, offered as one tar archive or as two compressed files."""
    data = DataSet("Toy", "toy", {name: md5(content) for name, content in FILES.items()})
    if request.param == "tar":
        offer.files = {"toy.tar.gz": tar_of(FILES)}
        holds, folder = {"toy.tar.gz": [*FILES]}, ""
    else:
        offer.files = {f"{name}.gz": gzip.compress(content) for name, content in FILES.items()}
        holds, folder = {f"{name}.gz": [name] for name in FILES}, "toy"
    archives = [
        Archive(name, folder, md5(content), [offer.address + name], holds[name])
        for name, content in offer.files.items()
    ]
    return data, archives


def get(toy, root: Path, progress: bool = False) -> None:
    complete(*toy, root, progress)


def left_behind(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_download(toy, tmp_path, capfd):
    get(toy, tmp_path)
    assert {p.name: p.read_bytes() for p in left_behind(tmp_path)} == FILES
    assert [p.name for p in (tmp_path / "toy").iterdir() if p.is_dir()] == []
    assert toy[0].missing(tmp_path) == []
    toy[0].check(tmp_path)
    assert capfd.readouterr() == ("", "")


def test_nothing_is_unpacked_outside_of_the_folder(tmp_path):
    (tmp_path / "bad.tar.gz").write_bytes(tar_of({"../../outside": b"x"}))
    inside = tmp_path / "inside"
    inside.mkdir()
    downloads.unpack(tmp_path / "bad.tar.gz", inside)
    found = {str(path.relative_to(tmp_path)) for path in left_behind(tmp_path)}
    assert found == {"bad.tar.gz", str(Path("inside", "outside"))}


def test_progress_bar(toy, tmp_path, capfd):
    get(toy, tmp_path, progress=True)
    shown = capfd.readouterr().err
    for archive in toy[1]:
        assert f"{archive.name}: 100%" in shown


def test_nothing_is_asked_for_when_all_is_there(toy, offer, tmp_path):
    get(toy, tmp_path)
    offer.asked.clear()
    get(toy, tmp_path)
    assert offer.asked == []


def test_only_what_is_missing_is_replaced(toy, tmp_path):
    get(toy, tmp_path)
    (tmp_path / "toy" / "two").unlink()
    before = (tmp_path / "toy" / "one").stat().st_ino
    get(toy, tmp_path)
    assert (tmp_path / "toy" / "two").read_bytes() == FILES["two"]
    assert (tmp_path / "toy" / "one").stat().st_ino == before


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("cut", r"the connection ended after \d+ of \d+ bytes"),
        ("damaged", r"the \d+ bytes that came are not the official file"),
        ("absent", "the server answered 404 Not Found"),
        ("silent", "timed out"),
    ],
)
def test_a_failed_download_leaves_nothing(toy, offer, tmp_path, monkeypatch, fault, reason):
    offer.fault = fault
    with monkeypatch.context() as patch:
        if fault == "silent":  # no other answer may be waited for in vain
            patch.setattr(downloads, "TIMEOUT", 0.1)
        with pytest.raises(
            InputError, match=rf"^Toy: .*{reason}.*nothing was kept.*GNLAB_DATA"
        ) as error:
            get(toy, tmp_path)
    assert "\n" not in str(error.value)
    for archive in toy[1]:
        assert archive.name in str(error.value)
    assert left_behind(tmp_path) == []
    offer.fault = ""
    get(toy, tmp_path)
    assert len(left_behind(tmp_path)) == 2


def test_no_server(toy, offer, tmp_path):
    data, archives = toy
    closed = [Archive(a.name, a.folder, a.md5, ["http://127.0.0.1:9/x"], a.holds) for a in archives]
    with pytest.raises(InputError, match=r"127.0.0.1:9: Connection refused"):
        get((data, closed), tmp_path)
    # A second address is tried when the first fails.
    both = [
        Archive(a.name, a.folder, a.md5, ["http://127.0.0.1:9/x", *a.addresses], a.holds)
        for a in archives
    ]
    get((data, both), tmp_path)
    assert len(left_behind(tmp_path)) == 2


def test_a_thread_is_known_to_download_while_it_does(toy, tmp_path, monkeypatch):
    read, own = downloads._read, threading.get_ident()
    seen = []

    def looked_at(response):
        seen.append(downloads.under_way(own))
        return read(response)

    monkeypatch.setattr(downloads, "_read", looked_at)
    get(toy, tmp_path)
    assert set(seen) == {True}
    assert not downloads.under_way(own)


def test_interruption_leaves_nothing(toy, tmp_path, monkeypatch):
    read = downloads._read

    def interrupted(response):
        if response.tell_count:
            raise KeyboardInterrupt
        response.tell_count = 1
        return read(response)

    monkeypatch.setattr(downloads, "_BLOCK", 64)
    opened = downloads._open

    def counted(address):
        response = opened(address)
        response.tell_count = 0
        return response

    monkeypatch.setattr(downloads, "_open", counted)
    monkeypatch.setattr(downloads, "_read", interrupted)
    with pytest.raises(KeyboardInterrupt):
        get(toy, tmp_path)
    assert left_behind(tmp_path) == []


def test_what_a_killed_download_left_is_not_taken_for_data(toy, tmp_path):
    stale = tmp_path / "toy" / ".download-killed"
    stale.mkdir(parents=True)
    (stale / "one").write_bytes(b"half")
    assert toy[0].missing(tmp_path) == ["one", "two"]
    get(toy, tmp_path)
    assert (tmp_path / "toy" / "one").read_bytes() == FILES["one"]


def test_two_downloads_at_once(toy, tmp_path):
    errors = []

    def run():
        try:
            get(toy, tmp_path)
        except InputError as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert {p.name: p.read_bytes() for p in left_behind(tmp_path)} == FILES


def test_an_archive_placed_by_hand_is_used(toy, offer, tmp_path):
    for archive in toy[1]:
        placed = tmp_path / archive.folder / archive.name
        placed.parent.mkdir(exist_ok=True)
        placed.write_bytes(offer.files[archive.name])
    get(toy, tmp_path)
    assert offer.asked == []
    assert toy[0].missing(tmp_path) == []


def test_a_damaged_archive_is_named_and_left_alone(toy, offer, tmp_path):
    archive = toy[1][0]
    placed = tmp_path / archive.folder / archive.name
    placed.parent.mkdir(exist_ok=True)
    placed.write_bytes(offer.files[archive.name][:-9])
    with pytest.raises(InputError, match=r"is damaged or cut short.*Delete it") as error:
        get(toy, tmp_path)
    assert str(placed) in str(error.value)
    assert left_behind(tmp_path) == [placed]


def test_a_damaged_file_is_named(toy, tmp_path):
    get(toy, tmp_path)
    bad = tmp_path / "toy" / "one"
    bad.write_bytes(FILES["one"][:100])
    with pytest.raises(InputError, match=r"damaged or cut short \(100 bytes") as error:
        toy[0].check(tmp_path)
    assert str(bad) in str(error.value)


def test_unwritable_root(toy, tmp_path):
    # A path below a regular file: even an administrator cannot make a folder there.
    (tmp_path / "file").write_text("")
    root = tmp_path / "file" / "root"
    with pytest.raises(
        InputError, match=r"Toy cannot be written into .*Not a directory.*GNLAB_DATA"
    ):
        get(toy, root)
