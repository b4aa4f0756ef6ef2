"""A store of models in memory, for tests of what trains and calibrates."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

from okng.domain.calibration import Calibration
from okng.domain.errors import BadModel, NotFound
from okng.domain.model import CHAMPION, Model


class MemoryStore:
    """Keeps models in memory; implements `ModelStore` and `CalibrationStore` of the ports.

    `aliases` maps (product, alias) to a version and may be set at will.
    """

    def __init__(self) -> None:
        self.models: dict[str, list[Model]] = {}
        self.aliases: dict[tuple[str, str], int] = {}
        self._calibrations: dict[str, list[Calibration]] = {}

    def add(self, product: str, build: Callable[[int], Model]) -> Model:
        """Keep what `build` makes of the next version number; see `okng.domain.ports`."""
        kept = self.models.get(product, [])
        version = len(kept) + 1
        model = build(version)
        if (model.manifest.product, model.manifest.version) != (product, version):
            raise BadModel(f"{model.name} was built where {product}-{version} was asked for")
        if sha256(model.graph).hexdigest() != model.manifest.calibration.graph_sha256:
            raise BadModel(f"{model.name} has the calibration of another graph")
        self.models[product] = [*kept, model]
        self._calibrations[model.name] = [model.manifest.calibration]
        return model

    def resolve(self, reference: str) -> str:
        """Return the name of the model that a reference means now."""
        return self.load(reference).name

    def load(self, reference: str) -> Model:
        """Return the model that `product`, `product-3`, `product@3` or `product@alias` names."""
        product, version = self._find(reference)
        if not 1 <= version <= len(self.models.get(product, [])):
            raise NotFound(f"there is no model {reference}: train it first")
        return self.models[product][version - 1]

    def calibration(self, reference: str, version: int | None = None) -> Calibration:
        """Return the model's newest calibration, or the one of that version."""
        kept = self._calibrations[self.load(reference).name]
        if version is None:
            return kept[-1]
        if not 1 <= version <= len(kept):
            raise NotFound(
                f"{reference} has no calibration {version}: choose from 1 to {len(kept)}"
            )
        return kept[version - 1]

    def add_calibration(
        self, reference: str, calibration: Calibration | Callable[[int], Calibration]
    ) -> Calibration:
        """Keep a calibration under the model's next calibration number."""
        model = self.load(reference)
        kept = self._calibrations[model.name]
        number = len(kept) + 1
        made = calibration(number) if callable(calibration) else calibration
        if made.graph_sha256 != model.manifest.calibration.graph_sha256:
            raise BadModel(f"the calibration belongs to another graph than that of {model.name}")
        kept.append(replace(made, version=number))
        return kept[-1]

    def _find(self, reference: str) -> tuple[str, int]:
        """Return product and version; the version is 0 where nothing is known of it."""
        product, at, which = reference.partition("@")
        if at:
            alias = self.aliases.get((product, which), 0)
            return product, int(which) if which.isdecimal() else alias
        if reference in self.models:
            return reference, self.aliases.get((reference, CHAMPION), len(self.models[reference]))
        product, _, which = reference.rpartition("-")
        return product, int(which) if which.isdecimal() else 0


class MemoryCheckpoints:
    """States of trainings in memory; implements `okng.domain.learning.Checkpoints`."""

    def __init__(self) -> None:
        self.states: dict[str, bytes] = {}

    def load(self, name: str) -> bytes | None:
        return self.states.get(name)

    def save(self, name: str, state: bytes) -> None:
        self.states[name] = state

    def remove(self, name: str) -> None:
        self.states.pop(name, None)
