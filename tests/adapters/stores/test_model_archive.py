import io
import json
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import onnx
import pytest

from okng.adapters.stores import safe_zip
from okng.adapters.stores.manifest_json import LARGEST_JSON, manifest_bytes
from okng.adapters.stores.model_archive import (
    Imported,
    archive_bytes,
    export_archive,
    import_archive,
    read_archive,
)
from okng.adapters.stores.model_folder import FolderModelStore
from okng.domain.errors import BadModel, BadSetting, NotFound, ParityError
from okng.domain.model import Model
from okng.testing.models import tiny_model

Files = dict[str, bytes]


def take_in(path: Path, store: FolderModelStore, product: str | None = None) -> Imported:
    """Import what nobody has anything against."""
    return import_archive(path, store, product, approve=lambda model: None)


@pytest.fixture
def store(tmp_path: Path) -> FolderModelStore:
    return FolderModelStore(tmp_path / "models")


def unzip(data: bytes) -> Files:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


FILES = unzip(archive_bytes(tiny_model()))


def zipped(files: Files, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def with_entry(name: str, data: bytes = b"x", mode: int = stat.S_IFREG | 0o644) -> bytes:
    """Return a sound archive and one entry more."""
    buffer = io.BytesIO(zipped(FILES))
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "a") as archive:
        warnings.simplefilter("ignore")  # of duplicate names
        info = zipfile.ZipInfo("placeholder")
        info.filename = name  # past what the constructor would correct
        info.external_attr = mode << 16
        archive.writestr(info, data)
    return buffer.getvalue()


def with_manifest(**changes: object) -> bytes:
    values = json.loads(FILES["manifest.json"])
    return zipped(FILES | {"manifest.json": json.dumps(values | changes).encode()})


def with_graph(change: Callable[[onnx.ModelProto], object]) -> bytes:
    """Return an archive with another graph, and every hash right."""
    model = tiny_model()
    proto = onnx.load_model_from_string(model.graph)
    change(proto)
    graph = proto.SerializeToString()
    digest = sha256(graph).hexdigest()
    manifest = replace(
        model.manifest,
        files={**model.manifest.files, "model.onnx": digest},
        calibration=replace(model.manifest.calibration, graph_sha256=digest),
    )
    return zipped(FILES | {"model.onnx": graph, "manifest.json": manifest_bytes(manifest)})


def external_data(proto: onnx.ModelProto) -> None:
    tensor = proto.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"


def custom_domain(proto: onnx.ModelProto) -> None:
    proto.graph.node[0].domain = "com.example"


def broken_graph(proto: onnx.ModelProto) -> None:
    proto.graph.node[0].input[0] = "nowhere"


def renamed_output(proto: onnx.ModelProto) -> None:
    proto.graph.output[0].name = "result"


def patched(data: bytes, offset_in_central: int, value: bytes) -> bytes:
    """Overwrite a field of the first entry in the archive's directory."""
    at = data.index(b"PK\x01\x02") + offset_in_central
    return data[:at] + value + data[at + len(value) :]


def without(name: str) -> bytes:
    return zipped({key: data for key, data in FILES.items() if key != name})


def lying_bomb() -> bytes:
    """A large file of zeros whose headers say that it is small."""
    data = zipped({"report.html": bytes(8 << 20)} | FILES)
    return patched(data, 24, struct.pack("<L", 10))


NASTY = {
    "parent path": (lambda: with_entry("golden/../../evil"), "unsafe path"),
    "absolute path": (lambda: with_entry("/etc/evil"), "unsafe path"),
    "drive letter": (lambda: with_entry("C:evil.png"), "unsafe path"),
    "backslash": (lambda: with_entry("golden\\evil.png"), "unsafe path"),
    "link": (lambda: with_entry("golden/l.png", b"/etc/x", stat.S_IFLNK | 0o777), "is a link"),
    "device": (lambda: with_entry("golden/d.png", b"", stat.S_IFCHR | 0o666), "no plain file"),
    "folder as link": (lambda: with_entry("golden/", b"", stat.S_IFLNK | 0o777), "is a link"),
    "duplicate": (lambda: with_entry("model.onnx"), "occurs twice"),
    "duplicate by case": (lambda: with_entry("Model.onnx"), "occurs twice"),
    "unknown file": (lambda: with_entry("setup.py"), "is unknown"),
    "unknown folder": (lambda: with_entry("evil/", b""), "is unknown"),
    "hidden golden": (lambda: with_entry("golden/.htaccess"), "is unknown"),
    "deep golden": (lambda: with_entry("golden/a/b.png"), "is unknown"),
    "windows device": (lambda: with_entry("golden/CON.png"), "is unknown"),
    "unlisted golden": (lambda: with_entry("golden/more.png"), "is not in the manifest"),
    "encrypted": (lambda: patched(zipped(FILES), 8, b"\x01\x00"), "encrypted"),
    "odd packing": (lambda: zipped(FILES, zipfile.ZIP_LZMA), "packed in a way"),
    "empty file": (lambda: b"", "not an okng archive"),
    "tar": (lambda: b"ustar" * 200, "not an okng archive"),
    "pickle": (lambda: b"\x80\x04\x95" + bytes(100), "not an okng archive"),
    "self-extracting": (lambda: b"MZ" + zipped(FILES), "not an okng archive"),
    "four bytes": (lambda: b"PK\x03\x04", "cut off"),
    "cut off": (lambda: zipped(FILES)[:-30], "cut off"),
    "something behind": (lambda: zipped(FILES) + b"#!/bin/sh", "cut off, or something"),
    "no manifest": (lambda: without("manifest.json"), "no manifest.json"),
    "no graph": (lambda: without("model.onnx"), "model.onnx is missing"),
    "no golden": (lambda: without("golden/1.png"), "golden/1.png is missing"),
    "changed graph": (lambda: zipped(FILES | {"model.onnx": b"x"}), "model.onnx is not what"),
    "changed golden": (lambda: zipped(FILES | {"golden/0.png": b"x"}), "golden/0.png is not what"),
    "changed report": (lambda: zipped(FILES | {"report.html": b"x"}), "report.html is not what"),
    "newer format": (lambda: with_manifest(format=7), "made by a newer okng"),
    "unknown field": (lambda: with_manifest(run="rm -rf"), "field run is unknown"),
    "evil product": (lambda: with_manifest(product="../../x"), "not a possible name"),
    "manifest leads out": (lambda: with_manifest(files={"../x": "0" * 64}), "../x is missing"),
    "broken manifest": (lambda: zipped(FILES | {"manifest.json": b"{"}), "not valid JSON"),
    "large manifest": (
        lambda: zipped(FILES | {"manifest.json": b" " * (LARGEST_JSON + 1)}, zipfile.ZIP_STORED),
        "manifest.json has more than",
    ),
    "bomb": (lambda: zipped(FILES | {"report.html": bytes(60 << 20)}), "unpacks to more than"),
    "lying bomb": (lying_bomb, "not a sound archive|unpacks to more than"),
    "external data": (lambda: with_graph(external_data), "external data"),
    "custom operator": (lambda: with_graph(custom_domain), "operator domain"),
    "broken graph": (lambda: with_graph(broken_graph), "not valid ONNX"),
    "other outputs": (lambda: with_graph(renamed_output), "expected the outputs score"),
    "foreign calibration": (
        lambda: with_entry(
            "calibrations/2.json",
            json.dumps(
                json.loads(FILES["manifest.json"])["calibration"]
                | {"version": 2, "graph_sha256": "0" * 64}
            ).encode(),
        ),
        "belongs to another graph",
    ),
    "misnumbered calibration": (
        lambda: with_entry(
            "calibrations/3.json",
            json.dumps(json.loads(FILES["manifest.json"])["calibration"]).encode(),
        ),
        "says that it is calibration 1",
    ),
    "odd calibration name": (lambda: with_entry("calibrations/02.json"), "is unknown"),
    "many entries": (
        lambda: zipped(FILES | {f"calibrations/{i}.json": b"" for i in range(1, 1100)}),
        "files; at most",
    ),
    "huge directory": (
        lambda: zipped(FILES | {f"calibrations/{i}.json": b"" for i in range(1, 18_000)}),
        "too many files",
    ),
    "zip64 end": (
        lambda: zipped(FILES)[:-22] + b"PK\x06\x07" + bytes(16) + zipped(FILES)[-22:],
        "too many files",
    ),
}


@pytest.mark.parametrize("case", NASTY)
def test_nasty(case: str, store: FolderModelStore, tmp_path: Path) -> None:
    """An archive that no honest okng wrote gives one clear BadModel and stores nothing."""
    make, reason = NASTY[case]
    path = tmp_path / "nasty.okng"
    path.write_bytes(make())
    with pytest.raises(BadModel, match=reason) as caught:
        take_in(path, store)
    assert str(caught.value).startswith("nasty.okng")
    assert store.products() == ()
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["nasty.okng"]


def test_too_large_archive(tmp_path: Path) -> None:
    """An archive beyond the limit is refused before it is opened as a zip."""
    path = tmp_path / "large.okng"
    with path.open("wb") as file:
        file.write(b"PK\x03\x04")
        file.truncate(safe_zip.LARGEST_ARCHIVE + 1)  # a hole: it takes no room
    with pytest.raises(BadModel, match="at most"):
        read_archive(path)


@pytest.mark.parametrize("step", [1, 3])
def test_damage_anywhere(tmp_path: Path, step: int) -> None:
    """A flipped byte anywhere is refused or harmless; it never gives another model."""
    model = tiny_model()
    data = archive_bytes(model)
    path = tmp_path / "a.okng"
    for at in range(step, len(data), 211):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        try:
            assert read_archive(path)[0] == model
        except BadModel:
            continue


def test_deterministic() -> None:
    """Equal models give equal archives, sorted and without times."""
    one, other = tiny_model(), tiny_model()
    other = replace(other, golden=dict(reversed(other.golden.items())))
    assert archive_bytes(one) == archive_bytes(other)
    with zipfile.ZipFile(io.BytesIO(archive_bytes(one))) as archive:
        assert archive.namelist() == sorted(archive.namelist())
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def stored(store: FolderModelStore, product: str = "bottle", gain: float = 1.0) -> Model:
    return store.add(product, lambda version: tiny_model(product, version, gain=gain))


def test_round_trip(store: FolderModelStore, tmp_path: Path) -> None:
    """A model moves to another store whole, its calibrations included."""
    model = stored(store)
    store.add_calibration("bottle", store.calibration("bottle"))
    path = export_archive(model, store.calibrations("bottle"), tmp_path)
    assert path.name == "bottle-1.okng"
    other = FolderModelStore(tmp_path / "other")
    imported = take_in(path, other)
    assert imported.model == model == other.load("bottle")
    assert other.calibrations("bottle") == store.calibrations("bottle")
    assert str(imported) == "bottle-1 of the archive is bottle-1 here"
    again = export_archive(other.load("bottle"), other.calibrations("bottle"), tmp_path / "2.okng")
    assert again.read_bytes() == path.read_bytes()


def test_version_is_taken(store: FolderModelStore, tmp_path: Path) -> None:
    """An import takes the next free version and says which."""
    stored(store)
    stored(store)
    path = export_archive(tiny_model("bottle", 1, gain=2.0), (), tmp_path)
    imported = take_in(path, store)
    assert imported.model.name == "bottle-3"
    assert str(imported) == "bottle-1 of the archive is bottle-3 here"
    assert store.load("bottle-3") == imported.model


def test_other_product(store: FolderModelStore, tmp_path: Path) -> None:
    """An import may choose the product."""
    path = export_archive(tiny_model(), (), tmp_path)
    assert take_in(path, store, "Große Flasche").model.name == "grosse_flasche-1"
    with pytest.raises(BadSetting):
        take_in(path, store, "../x")


def test_there_already(store: FolderModelStore, tmp_path: Path) -> None:
    """The same model is not stored twice; only the calibrations it lacks are added, once."""
    model = stored(store)
    stored(store, gain=2.0)
    path = export_archive(model, (), tmp_path)
    imported = take_in(path, store)
    assert (imported.added, imported.model.name) == (False, "bottle-1")
    assert "here already, as bottle-1" in str(imported)
    new = replace(model.manifest.calibration, version=2, note="new")
    path = export_archive(model, [new], tmp_path)
    assert take_in(path, store).calibrations == (2,)
    assert take_in(path, store).calibrations == ()
    assert store.calibration("bottle-1") == new
    assert len(store.list()) == 2


def test_repacked(store: FolderModelStore, tmp_path: Path) -> None:
    """An archive that an ordinary zip program packed again is accepted."""
    path = tmp_path / "bottle-1.okng"
    path.write_bytes(zipped({"golden/": b""} | FILES))
    assert take_in(path, store).model.graph == tiny_model().graph


def test_what_is_not_approved_is_not_stored(store: FolderModelStore, tmp_path: Path) -> None:
    """A new model is shown to whoever approves it first; refused, it leaves nothing."""
    shown: list[tuple[Model, tuple[str, ...]]] = []

    def refuse(model: Model) -> None:
        shown.append((model, store.products()))
        raise ParityError("other scores")

    path = export_archive(tiny_model(), (), tmp_path)
    with pytest.raises(ParityError, match="other scores"):
        import_archive(path, store, "bolt", approve=refuse)
    assert shown == [(tiny_model(), ())]
    assert store.products() == ()


def test_no_archive(store: FolderModelStore, tmp_path: Path) -> None:
    """A path that leads to no file is said to."""
    for path in (tmp_path / "none.okng", tmp_path):
        with pytest.raises(NotFound, match="there is no archive"):
            take_in(path, store)


def test_export_to_nowhere(tmp_path: Path) -> None:
    """An export into a folder that is not there gives one clear error."""
    with pytest.raises(BadSetting, match="cannot write"):
        export_archive(tiny_model(), (), tmp_path / "none" / "x.okng")
