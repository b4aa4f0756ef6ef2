"""A model as one file that travels: `bottle-3.okng`, a zip of what its folder holds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from okng.adapters.stores.durable_files import replace_file, writing
from okng.adapters.stores.manifest_json import read_manifest
from okng.adapters.stores.model_files import (
    MANIFEST,
    MOST_CALIBRATIONS,
    MOST_GOLDEN,
    calibration_number,
    largest,
    pack,
    pack_calibrations,
    unpack,
    unpack_calibration,
)
from okng.adapters.stores.model_folder import FolderModelStore
from okng.adapters.stores.safe_zip import LARGEST_ARCHIVE, ZipRules, read_zip, write_zip
from okng.domain.calibration import Calibration
from okng.domain.errors import BadModel, NotFound
from okng.domain.model import Manifest, Model
from okng.domain.product import product_name

SUFFIX = ".okng"

_RULES = ZipRules(
    kind="an okng archive (a zip file ending in .okng)",
    most=MOST_GOLDEN + MOST_CALIBRATIONS + 3,
)


@dataclass(frozen=True)
class Imported:
    """What became of an archive.

    `model` is the stored model, `original` the name it had in the archive. `added` is False where
    the same model was there already; `calibrations` are the numbers of those that were added.
    """

    model: Model
    original: str
    added: bool
    calibrations: tuple[int, ...]

    def __str__(self) -> str:
        if self.added:
            return f"{self.original} of the archive is {self.model.name} here"
        text = f"{self.original} of the archive is here already, as {self.model.name}"
        if self.calibrations:
            numbers = ", ".join(str(number) for number in self.calibrations)
            text += f"; new calibrations were added to it: {numbers}"
        return text


def archive_bytes(model: Model, calibrations: Sequence[Calibration] = ()) -> bytes:
    """Return the model and its later calibrations as an archive; equal content, equal bytes.

    Raises:
        BadModel: the model is not sound, or too large for an archive.
    """
    files = pack(model)
    manifest = read_manifest(files[MANIFEST])
    files |= pack_calibrations(manifest, calibrations)
    if sum(len(data) for data in files.values()) > LARGEST_ARCHIVE - (1 << 20):
        raise BadModel(f"{model.name} is too large for an archive ({LARGEST_ARCHIVE} bytes)")
    return write_zip(files)


def export_archive(model: Model, calibrations: Sequence[Calibration], to: Path) -> Path:
    """Write an archive to the file `to` or, as `bottle-3.okng`, into the folder `to`.

    Raises:
        BadModel: the model is not sound.
        BadSetting: the file cannot be written.
    """
    path = to / f"{model.name}{SUFFIX}" if to.is_dir() else to
    data = archive_bytes(model, calibrations)
    with writing(path.parent):
        replace_file(path, data)
    return path


def read_archive(path: Path) -> tuple[Model, tuple[Calibration, ...]]:
    """Return an archive's model and its later calibrations, everything verified.

    Raises:
        NotFound: there is no such file.
        BadModel: the archive is damaged, foreign, unsafe or too new.
    """
    if not path.is_file():
        raise NotFound(f"there is no archive {path}")
    where = path.name
    files = read_zip(path, _RULES, largest)
    if MANIFEST not in files:
        raise BadModel(f"{where} has no {MANIFEST}: it is not an okng archive")
    manifest = read_manifest(files[MANIFEST], f"{where}: {MANIFEST}")
    missing = sorted(set(manifest.files) - set(files))
    if missing:
        raise BadModel(f"{where}: {missing[0]} is missing: export the model again")
    later = {number: name for name in files if (number := calibration_number(name)) is not None}
    unknown = sorted(set(files) - set(manifest.files) - set(later.values()) - {MANIFEST})
    if unknown:
        raise BadModel(f"{where}: {unknown[0]} is not in the manifest; do not use this archive")
    model = unpack(manifest, files.__getitem__, where)
    calibrations = (
        unpack_calibration(manifest, later[number], files[later[number]], where)
        for number in sorted(later)
    )
    return model, tuple(calibrations)


def import_archive(
    path: Path,
    store: FolderModelStore,
    product: str | None = None,
    *,
    approve: Callable[[Model], object],
) -> Imported:
    """Store an archive's model under the next free version of its product, or of `product`.

    Where the same model is there already only calibrations it lacks are added. A new one is handed
    to `approve` first, and stored unless that raises an error.

    Raises:
        NotFound: there is no such file.
        BadModel: the archive is damaged, foreign, unsafe or too new.
        BadSetting: `product` is no possible name.
    """
    model, calibrations = read_archive(path)
    name = model.manifest.product if product is None else product_name(product)
    twin = _twin(model.manifest, store, name)
    if twin is not None:
        known = {replace(c, version=1) for c in store.calibrations(twin)}
        new = [c for c in calibrations if replace(c, version=1) not in known]
        numbers = tuple(store.add_calibration(twin, c).version for c in new)
        return Imported(store.load(twin), model.name, False, numbers)

    approve(model)

    def build(version: int) -> Model:
        return replace(model, manifest=replace(model.manifest, product=name, version=version))

    stored = store.add(name, build, calibrations)
    return Imported(stored, model.name, True, tuple(c.version for c in calibrations))


def _twin(manifest: Manifest, store: FolderModelStore, product: str) -> str | None:
    """Return the name of the stored model that differs in product and version at most."""
    if product not in store.products():
        return None
    for entry in store.list(product):
        if entry.damage is None and entry.graph_sha256 == manifest.calibration.graph_sha256:
            found = store.manifest(entry.name)
            if replace(found, product=manifest.product, version=manifest.version) == manifest:
                return entry.name
    return None
