"""Archives of datasets: what is kept, what is left out, and what is refused."""

import io
import stat
import struct
import tracemalloc
import unicodedata
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from okng.adapters.stores.dataset_archive import DatasetRules, checked_path, unpack_dataset
from okng.domain.errors import BadDataset, TooLarge

RULES = DatasetRules(
    archive_bytes=1 << 20,
    total_bytes=4 << 20,
    member_bytes=1 << 20,
    list_bytes=1 << 16,
    files=50,
    pixels=100 * 100,
    reserve_bytes=0,
)


def image(kind: str = "PNG", size: tuple[int, int] = (8, 6)) -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(noise).save(file, kind)
    return file.getvalue()


PNG = image()
SOUND = {"good/1.png": PNG, "good/2.png": PNG, "scratch/1.png": PNG}


def zipped(
    files: dict[str, bytes],
    compression: int = zipfile.ZIP_DEFLATED,
    mode: int = stat.S_IFREG | 0o644,
) -> bytes:
    """Return a zip whose last entry has `mode`, names unchanged whatever they are."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", compression) as archive:
        warnings.simplefilter("ignore")  # of duplicate names
        for number, (name, data) in enumerate(files.items(), start=1):
            info = zipfile.ZipInfo("placeholder")
            info.filename = name  # past what the constructor would correct
            info.compress_type = compression
            info.external_attr = (mode if number == len(files) else stat.S_IFREG | 0o644) << 16
            archive.writestr(info, data)
    return buffer.getvalue()


def beside(name: str, data: bytes = PNG, mode: int = stat.S_IFREG | 0o644) -> bytes:
    """Return a sound archive with one file more."""
    return zipped(SOUND | {name: data}, mode=mode)


def twice(first: str, second: str) -> bytes:
    return zipped({first: PNG, second: PNG})


def doubled(name: str) -> bytes:
    """Return an archive in which a name occurs twice."""
    return twice(name, "XXXX".ljust(len(name), "X")).replace(
        "XXXX".ljust(len(name), "X").encode(), name.encode()
    )


def patched(data: bytes, offset_in_central: int, value: bytes) -> bytes:
    at = data.index(b"PK\x01\x02") + offset_in_central
    return data[:at] + value + data[at + len(value) :]


def png_header(width: int, height: int) -> bytes:
    """Return a PNG that says it is large; its pixels are not there."""
    import zlib

    body = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + body
    idat = b"IDAT" + zlib.compress(b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part))
        for part in (chunk, idat, b"IEND")
    )


def overlapping() -> bytes:
    """Return a zip whose entries share the same bytes, as in Fifield's bombs (2019)."""
    data = zipped({f"good/{number}.png": PNG for number in range(9)}, zipfile.ZIP_STORED)
    first = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", first + 1)
    at = second + 42  # offset of its local header
    return data[:at] + struct.pack("<L", 0) + data[at + 4 :]


NASTY: dict[str, tuple[Callable[[], bytes], str]] = {
    "parent path": (lambda: beside("good/../../evil.png"), "unsafe path"),
    "parent folder": (lambda: beside("../", b"", stat.S_IFDIR | 0o755), "unsafe path"),
    "absolute path": (lambda: beside("/etc/evil.png"), "unsafe path"),
    "drive letter": (lambda: beside("C:/evil.png"), "unsafe path"),
    "backslash": (lambda: beside("good\\..\\evil.png"), "unsafe path"),
    "network share": (lambda: beside("//server/share/evil.png"), "unsafe path"),
    "full-width dots": (lambda: beside("good/\uff0e\uff0e/\uff0e\uff0e/evil.png"), "look like"),
    "two-dot leader": (lambda: beside("good/\u2025/evil.png"), "look like"),
    "full-width slash": (lambda: beside("good/x\uff0fevil.png"), "look like"),
    "full-width backslash": (lambda: beside("good/x\uff3cevil.png"), "look like"),
    "link": (lambda: beside("good/l.png", b"/etc/passwd", stat.S_IFLNK | 0o777), "is a link"),
    "device": (lambda: beside("good/d.png", b"", stat.S_IFCHR | 0o666), "no plain file"),
    "pipe": (lambda: beside("good/p.png", b"", stat.S_IFIFO | 0o666), "no plain file"),
    "folder as link": (lambda: beside("evil/", b"/etc", stat.S_IFLNK | 0o777), "is a link"),
    "duplicate": (lambda: doubled("good/aa.png"), "occurs twice"),
    "duplicate by case": (lambda: twice("good/a.png", "good/A.png"), "occurs twice|by case"),
    "folders by case": (lambda: twice("good/a.png", "Good/b.png"), "by case alone"),
    "duplicate by composition": (
        lambda: twice("good/\u00e9.png", "good/e\u0301.png"),
        "occurs twice",
    ),
    "duplicate by folding": (
        lambda: twice("good/stra\u00dfe.png", "good/STRASSE.png"),
        "twice|case",
    ),
    "file as folder": (lambda: twice("good/a.png", "good/a.png/b.png"), "a file and a folder"),
    "folder as file": (lambda: twice("good/a.png/b.png", "good/a.png"), "occurs twice"),
    "encrypted": (lambda: patched(zipped(SOUND), 8, b"\x01\x00"), "is encrypted"),
    "odd packing": (lambda: zipped(SOUND, zipfile.ZIP_LZMA), "packed in a way"),
    "control character": (lambda: beside("good/a\x1b[31m.png"), "control or invisible"),
    "NUL": (lambda: beside("good/a.png\0.exe"), "control or invisible"),
    "line break": (lambda: beside("good/a\n.png"), "control or invisible"),
    "turned text": (lambda: beside("good/a\u202egnp.png"), "control or invisible"),
    "invisible": (lambda: beside("good/a\u200b.png"), "control or invisible"),
    "markup": (lambda: beside("good/<img src=x onerror=alert(1)>.png"), "one of < > "),
    "wildcard": (lambda: beside("good/*.png"), "one of < > "),
    "stream": (lambda: beside("good/a.png:evil.png"), "one of < > "),
    "device name": (lambda: beside("good/CON.png"), "reserves for a device"),
    "device folder": (lambda: beside("nul/1.png"), "reserves for a device"),
    "trailing dot": (lambda: beside("good./1.png"), "begins or ends"),
    "trailing space": (lambda: beside("good /1.png"), "begins or ends"),
    "leading space": (lambda: beside(" good/1.png"), "begins or ends"),
    "empty folder name": (lambda: beside("good//1.png"), "is empty"),
    "long name": (lambda: beside(f"good/{'a' * 300}.png"), "too long or too deep"),
    "deep": (lambda: beside("a/" * 50 + "1.png"), "too long or too deep"),
    "too many files": (lambda: zipped({f"good/{i}.png": PNG for i in range(60)}), "at most 50"),
    "too large member": (
        lambda: zipped({"good/1.bmp": bytes((1 << 20) + 1)}, zipfile.ZIP_DEFLATED),
        "at most 1,048,576",
    ),
    "lying member": (
        lambda: patched(zipped({"good/1.png": bytes(2 << 20)}), 24, struct.pack("<L", 10)),
        "not a sound archive|has more than",
    ),
    "bomb": (
        lambda: zipped({f"good/{i}.bmp": bytes(1 << 20) for i in range(4)}),
        "unpacks to more than",
    ),
    "too much in all": (
        lambda: zipped({f"good/{i}.png": PNG + bytes(900_000) for i in range(5)}),
        "unpacks to more than",
    ),
    "overlapping entries": (overlapping, "not a sound archive"),
    "wrong checksum": (
        lambda: patched(zipped(SOUND), 16, b"\x00\x00\x00\x00"),
        "not a sound archive",
    ),
    "large archive": (
        lambda: zipped({"good/1.png": bytes(1 << 20)}, zipfile.ZIP_STORED) + bytes(100),
        "at most 1048576",
    ),
    "empty file": (lambda: b"", "not a zip file"),
    "empty archive": (lambda: zipped({}), "is empty"),
    "tar": (lambda: b"ustar" * 200, "not a zip file"),
    "gzip": (lambda: b"\x1f\x8b\x08" + bytes(100), "not a zip file"),
    "self-extracting": (lambda: b"MZ" + zipped(SOUND), "not a zip file"),
    "image": (lambda: PNG, "not a zip file"),
    "image that is also a zip": (lambda: PNG + zipped(SOUND), "not a zip file"),
    "cut off": (lambda: zipped(SOUND)[:-30], "cut off"),
    "something behind": (lambda: zipped(SOUND) + b"#!/bin/sh", "something follows"),
    "no images": (lambda: zipped({"readme.txt": b"hello"}), r"no images .*\.txt 1"),
    "nested archive": (lambda: zipped({"inner.zip": zipped(SOUND)}), r"no images .*\.zip 1"),
    "only a list": (lambda: zipped({"list.csv": b"path,label\n"}), "no images"),
    "pages for images": (
        lambda: zipped({"good/1.png": b"<html><script>alert(1)</script>"}),
        "good/1.png: not a JPEG",
    ),
    "lost zip64 directory": (
        lambda: zipped(SOUND)[:-22] + b"PK\x06\x07" + bytes(16) + zipped(SOUND)[-22:],
        "not a sound archive|too many files|empty",
    ),
}


@pytest.mark.parametrize("case", NASTY)
def test_nasty_archives_are_refused(case: str, tmp_path: Path) -> None:
    """An archive made to do harm gives one clear error, and nothing of it stays on the disk."""
    make, reason = NASTY[case]
    archive = tmp_path / "nasty.zip"
    archive.write_bytes(make())
    (tmp_path / "in").mkdir()
    with pytest.raises(BadDataset, match=reason) as caught:
        unpack_dataset(archive, tmp_path / "in" / "to", RULES)
    assert str(caught.value).isprintable()
    assert list((tmp_path / "in").iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "nasty.zip"]


def unpacked(tmp_path: Path, files: dict[str, bytes]) -> tuple[set[str], str]:
    """Return the paths that stay, and what is said of the others."""
    archive = tmp_path / "sent.zip"
    archive.write_bytes(zipped(files))
    notes = unpack_dataset(archive, tmp_path / "to", RULES)
    paths = (tmp_path / "to").rglob("*")
    kept = {p.relative_to(tmp_path / "to").as_posix() for p in paths if p.is_file()}
    return kept, "\n".join(notes)


def test_images_and_lists_are_kept(tmp_path: Path) -> None:
    """Every format that okng decodes stays as it is, and so do lists."""
    files = {
        f"good/1.{kind.lower()}": image(kind) for kind in ("PNG", "JPEG", "BMP", "TIFF", "WebP")
    }
    files["list.csv"] = "path,label\ngood/1.png,gut ö\n".encode()
    files["annotations/coco.json"] = b'{"images": []}'
    files["train.manifest"] = files["test.jsonl"] = b'{"source-ref": "s3://b/1.png"}\n'
    kept, notes = unpacked(tmp_path, files)
    assert kept == set(files)
    assert notes == ""
    for name, data in files.items():
        assert (tmp_path / "to" / name).read_bytes() == data


LEFT_OUT = {
    "a script": ("run.py", b"import os", ".py 1"),
    "a page": ("index.html", b"<script>", ".html 1"),
    "a drawing with script": ("x.svg", b"<svg onload='alert(1)'/>", ".svg 1"),
    "a file without suffix": ("README", b"hello", "others 1"),
    "a pickle": ("model.pkl", b"\x80\x04", ".pkl 1"),
    "a nested bomb": ("more.zip", zipped({"x.png": bytes(1 << 20)}), ".zip 1"),
    "a hidden file": ("good/.htaccess", b"x", "hidden 1"),
    "what a Mac adds": ("__MACOSX/good/._1.png", b"x", "hidden 1"),
    "what Windows adds": ("good/Thumbs.db", b"x", "hidden 1"),
    "a drawing named as image": ("good/x.png", b"<svg onload='alert(1)'/>", "good/x.png: not a"),
    "an animation": ("good/x.gif", image("GIF"), ".gif 1"),
    "an empty image": ("good/x.png", b"", "empty file"),
    "an image of too many pixels": ("good/x.png", png_header(60_000, 60_000), "more than 10,000"),
    "an image with a cut header": ("good/x.png", PNG[:20], "truncated or damaged"),
    "a list that is no text": ("x.csv", b"\xff\xfe\x00\x01", "not text in UTF-8"),
    "a list with NUL": ("x.csv", b"path,label\n\0,good\n", "not text"),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_the_rest_is_left_out(case: str, tmp_path: Path) -> None:
    """What is no image and no list by its content stays out, and whoever sent it is told."""
    name, data, reason = LEFT_OUT[case]
    kept, notes = unpacked(tmp_path, SOUND | {name: data})
    assert kept == set(SOUND)
    assert reason in notes


def test_many_bad_files_make_a_short_note(tmp_path: Path) -> None:
    """A note names some of the bad files and counts the others."""
    kept, notes = unpacked(tmp_path, SOUND | {f"good/x{i}.png": b"no" for i in range(30)})
    assert kept == set(SOUND)
    assert "left out 30 bad files" in notes
    assert "and 27 more" in notes
    assert len(notes) < 1000


def test_names_become_one_spelling(tmp_path: Path) -> None:
    """A name that a Mac decomposed is stored composed, as other systems write it."""
    kept, _ = unpacked(tmp_path, {unicodedata.normalize("NFD", "gut/Stück Ä.png"): PNG})
    assert kept == {unicodedata.normalize("NFC", "gut/Stück Ä.png")}


def test_a_folder_that_is_there_stays(tmp_path: Path) -> None:
    """Nothing is unpacked over what is there."""
    archive = tmp_path / "sent.zip"
    archive.write_bytes(zipped(SOUND))
    unpack_dataset(archive, tmp_path / "to", RULES)
    (tmp_path / "to" / "mine").write_text("mine")
    with pytest.raises(Exception, match="cannot write"):
        unpack_dataset(archive, tmp_path / "to", RULES)
    assert (tmp_path / "to" / "mine").read_text() == "mine"
    assert not (tmp_path / ".to.partial").exists()


def test_a_full_disk_is_told_before_anything_is_written(tmp_path: Path) -> None:
    """An archive that would not leave the reserve free is refused."""
    archive = tmp_path / "sent.zip"
    archive.write_bytes(zipped(SOUND))
    with pytest.raises(TooLarge, match="make room"):
        unpack_dataset(archive, tmp_path / "to", DatasetRules(reserve_bytes=1 << 60))
    assert [path.name for path in tmp_path.iterdir()] == ["sent.zip"]


def test_memory_is_bounded(tmp_path: Path) -> None:
    """A file is written as it streams, not held."""
    large = image("BMP", (100, 100)) + bytes(24 << 20)
    archive = tmp_path / "sent.zip"
    archive.write_bytes(zipped({"good/1.bmp": large}, zipfile.ZIP_STORED))
    del large
    tracemalloc.start()
    try:
        unpack_dataset(archive, tmp_path / "to", DatasetRules(reserve_bytes=0))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=60))
def test_no_name_leads_out(name: str) -> None:
    """Whatever a member is called, its path lies inside and can be read, or it is refused."""
    try:
        path = checked_path(name, "x.zip")
    except BadDataset:
        return
    assert not path.is_absolute()
    assert ".." not in path.parts
    assert "\\" not in str(path)
    assert unicodedata.is_normalized("NFC", str(path))
    assert not {unicodedata.category(c) for c in str(path)} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(at=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_damaged_archive_never_crashes(at: int, value: int, tmp_path: Path) -> None:
    """Any byte may be another: the archive is taken or refused, and never worse."""
    data = bytearray(zipped(SOUND))
    data[at % len(data)] = value
    archive, to = tmp_path / "sent.zip", tmp_path / "to"
    archive.write_bytes(bytes(data))
    try:
        unpack_dataset(archive, to, RULES)
    except BadDataset:
        assert not to.exists()
    else:
        for path in to.rglob("*.png"):
            path.unlink()
        for path in sorted(to.rglob("*"), reverse=True):
            path.rmdir()
        to.rmdir()
