"""A model as named files, and back with everything verified: what folder and archive share."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256

from okng.adapters.stores.manifest_json import (
    LARGEST_JSON,
    calibration_bytes,
    manifest_bytes,
    read_calibration,
    read_manifest,
)
from okng.domain.calibration import Calibration
from okng.domain.errors import BadModel
from okng.domain.model import Manifest, Model
from okng.domain.product import is_reserved
from okng.graphs.self_contained import LARGEST_GRAPH
from okng.graphs.signature import check_signature

GRAPH = "model.onnx"
MANIFEST = "manifest.json"
REPORT = "report.html"
GOLDEN = "golden/"
CALIBRATIONS = "calibrations/"

MOST_GOLDEN = 64
MOST_CALIBRATIONS = 1000
LARGEST_REPORT = 64 << 20
LARGEST_GOLDEN = 64 << 20

_GOLDEN_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,98}[A-Za-z0-9])?")
_CALIBRATION = re.compile(r"calibrations/([1-9][0-9]{0,8})\.json")


def largest(name: str) -> int | None:
    """Return how many bytes the model's file `name` may have; None where models have no such."""
    if name in (MANIFEST, GRAPH, REPORT):
        return {MANIFEST: LARGEST_JSON, GRAPH: LARGEST_GRAPH, REPORT: LARGEST_REPORT}[name]
    if calibration_number(name) is not None:
        return LARGEST_JSON
    golden = name.removeprefix(GOLDEN)
    if golden != name and _GOLDEN_NAME.fullmatch(golden) and not is_reserved(golden):
        return LARGEST_GOLDEN
    return None


def calibration_file(version: int) -> str:
    return f"{CALIBRATIONS}{version}.json"


def calibration_number(name: str) -> int | None:
    """Return the version that a calibration's file name states; None for any other name."""
    match = _CALIBRATION.fullmatch(name)
    return int(match[1]) if match else None


def pack(model: Model) -> dict[str, bytes]:
    """Return the model's files by name, the manifest completed with their SHA-256.

    Raises:
        BadModel: the model is not sound.
    """
    try:
        report = model.report.encode()
    except UnicodeEncodeError as error:
        raise BadModel(f"the report is not proper text: {error}") from error
    files = {GRAPH: bytes(model.graph)}
    files |= {GOLDEN + name: bytes(data) for name, data in sorted(model.golden.items())}
    if report:
        files[REPORT] = report
    digests = {name: sha256(data).hexdigest() for name, data in files.items()}
    files[MANIFEST] = manifest_bytes(replace(model.manifest, files=digests))
    unpack(read_manifest(files[MANIFEST]), files.__getitem__, model.name)
    return files


def unpack(manifest: Manifest, read: Callable[[str], bytes], where: str) -> Model:
    """Return the model whose files `read` gives by name, once all of it is verified.

    Raises:
        BadModel: a file is missing, unknown, too large or changed, or the graph is unsound.
    """
    _check_names(manifest, where)
    files: dict[str, bytes] = {}
    for name, digest in manifest.files.items():
        data = read(name)
        limit = largest(name) or 0
        if len(data) > limit:
            raise BadModel(f"{where}: {name} has {len(data)} bytes; at most {limit} are accepted")
        if sha256(data).hexdigest() != digest:
            raise BadModel(
                f"{where}: {name} is not what the manifest says (its SHA-256 differs): "
                "it was changed or damaged; restore it from an archive"
            )
        files[name] = data
    try:
        report = files.get(REPORT, b"").decode()
    except UnicodeDecodeError as error:
        raise BadModel(f"{where}: {REPORT} is not UTF-8 text") from error
    _check_graph(manifest, files[GRAPH], where)
    check_belongs(manifest, manifest.calibration, where)
    golden = {name.removeprefix(GOLDEN): files[name] for name in files if name.startswith(GOLDEN)}
    return Model(manifest=manifest, graph=files[GRAPH], golden=golden, report=report)


def pack_calibrations(manifest: Manifest, calibrations: Sequence[Calibration]) -> dict[str, bytes]:
    """Return the files of the calibrations that came after the manifest's own.

    Raises:
        BadModel: one belongs to another graph, or two have one number.
    """
    files: dict[str, bytes] = {}
    for calibration in calibrations:
        if calibration == manifest.calibration:
            continue
        name = calibration_file(calibration.version)
        check_belongs(manifest, calibration, name)
        if name in files or calibration.version <= manifest.calibration.version:
            raise BadModel(f"two calibrations have the number {calibration.version}")
        files[name] = calibration_bytes(calibration)
    if len(files) > MOST_CALIBRATIONS:
        raise BadModel(f"{len(files)} calibrations; at most {MOST_CALIBRATIONS} are accepted")
    return files


def unpack_calibration(manifest: Manifest, name: str, data: bytes, where: str) -> Calibration:
    """Return the calibration of a file, once it is this model's and numbered as it is named.

    Raises:
        BadModel: it is not.
    """
    calibration = read_calibration(data, f"{where}: {name}")
    if calibration.version != calibration_number(name):
        raise BadModel(f"{where}: {name} says that it is calibration {calibration.version}")
    if calibration.version <= manifest.calibration.version:
        raise BadModel(f"{where}: {name} has the number of an earlier one, in the manifest")
    check_belongs(manifest, calibration, where)
    return calibration


def check_belongs(manifest: Manifest, calibration: Calibration, where: str) -> None:
    """Raise BadModel unless the calibration names the manifest's graph."""
    if calibration.graph_sha256 != manifest.files.get(GRAPH):
        raise BadModel(
            f"{where}: calibration {calibration.version} belongs to another graph "
            f"({calibration.graph_sha256[:12]}...): calibrate this model anew"
        )


def _check_names(manifest: Manifest, where: str) -> None:
    names = manifest.files
    if GRAPH not in names:
        raise BadModel(f"{where}: the manifest names no {GRAPH}")
    for name in names:
        if largest(name) is None or name == MANIFEST or calibration_number(name) is not None:
            raise BadModel(
                f"{where}: the manifest names {name[:100]!r}, which no model has (golden images "
                "are golden/NAME with letters, digits, '-', '_' and '.')"
            )
    golden = [name.removeprefix(GOLDEN) for name in names if name.startswith(GOLDEN)]
    if len(golden) > MOST_GOLDEN or len({name.casefold() for name in golden}) != len(golden):
        raise BadModel(f"{where}: golden images must be at most {MOST_GOLDEN}, with distinct names")
    stated = [image.file for image in manifest.golden]
    if sorted(stated) != sorted(golden):
        odd = sorted(set(stated) ^ set(golden)) or sorted(stated)
        raise BadModel(
            f"{where}: the golden images and the scores stated for them do not match "
            f"({odd[0][:100]!r})"
        )


def _check_graph(manifest: Manifest, graph: bytes, where: str) -> None:
    try:
        found = check_signature(graph)
    except BadModel as error:
        raise BadModel(f"{where}: {error}") from error
    pairs: Mapping[str, tuple[int | None, int]] = {
        "image height": (found.height, manifest.view.height),
        "image width": (found.width, manifest.view.width),
        "map height": (found.map_height, manifest.map_height),
        "map width": (found.map_width, manifest.map_width),
    }
    for what, (of_graph, of_manifest) in pairs.items():
        if of_graph not in (None, of_manifest):
            raise BadModel(
                f"{where}: the graph's {what} is {of_graph}, but the manifest says {of_manifest}"
            )
    stated = len(manifest.classes.names) if manifest.classes else None
    if found.classes != stated:
        raise BadModel(
            f"{where}: the graph has {found.classes or 'no'} classes, but the manifest names "
            f"{stated or 'none'}"
        )
