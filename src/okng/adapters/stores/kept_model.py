"""One version of a model in the registry, read and verified: root/bottle/3/."""

from dataclasses import dataclass
from pathlib import Path

from okng.adapters.stores.durable_files import read_limited
from okng.adapters.stores.manifest_json import LARGEST_JSON, read_manifest
from okng.adapters.stores.model_files import (
    CALIBRATIONS,
    MANIFEST,
    calibration_file,
    calibration_number,
    check_belongs,
    largest,
    unpack,
    unpack_calibration,
)
from okng.adapters.stores.version_folders import names
from okng.domain.calibration import Calibration
from okng.domain.errors import BadModel
from okng.domain.model import Manifest, Model


@dataclass(frozen=True)
class KeptModel:
    """Reads the folder of one version, which is there. Whatever reads may raise BadModel."""

    folder: Path
    product: str
    version: int

    @property
    def name(self) -> str:
        return f"{self.product}-{self.version}"

    def model(self) -> Model:
        """Return the model, every file of it verified."""
        return unpack(self.manifest(), lambda name: self._read(name, largest(name) or 0), self.name)

    def manifest(self) -> Manifest:
        """Return the manifest, which must name this model."""
        data = self._read(MANIFEST, LARGEST_JSON)
        manifest = read_manifest(data, f"{self.name}: {MANIFEST}")
        if (manifest.product, manifest.version) != (self.product, self.version):
            raise BadModel(
                f"{self.name}: its manifest says {manifest.product[:64]}-{manifest.version}: "
                "move models with `okng models export` and `import` only"
            )
        check_belongs(manifest, manifest.calibration, self.name)
        return manifest

    def calibration_numbers(self, manifest: Manifest) -> list[int]:
        """Return the numbers of the calibrations, the manifest's first, then ascending."""
        folder = self.folder / CALIBRATIONS
        later = (calibration_number(f"{CALIBRATIONS}{name}") for name in names(folder))
        return [manifest.calibration.version, *sorted(n for n in later if n is not None)]

    def next_calibration(self, manifest: Manifest) -> int:
        return max(self.calibration_numbers(manifest)) + 1

    def calibration(self, manifest: Manifest, number: int) -> Calibration:
        """Return one of the calibrations, by its number."""
        if number == manifest.calibration.version:
            return manifest.calibration
        name = calibration_file(number)
        return unpack_calibration(manifest, name, self._read(name, LARGEST_JSON), self.name)

    def calibrations(self) -> tuple[Calibration, ...]:
        """Return all calibrations, oldest first."""
        manifest = self.manifest()
        numbers = self.calibration_numbers(manifest)
        return tuple(self.calibration(manifest, number) for number in numbers)

    def check_files(self, manifest: Manifest) -> None:
        """Raise BadModel where a file that the manifest names is missing."""
        for name in manifest.files:
            if not (self.folder / name).is_file():
                raise BadModel(f"{self.name}: {name} is missing; restore it from an archive")

    def _read(self, name: str, limit: int) -> bytes:
        return read_limited(self.folder / name, limit, self.name)
