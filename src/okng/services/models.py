"""Models: list, promote, roll back, calibrate, import, delete and restore."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from okng.domain.calibration import Calibration
from okng.domain.errors import BadRequest, Conflict, OkngError
from okng.domain.model import CHAMPION, Manifest, Model, ModelEntry
from okng.domain.people import Principal, Right
from okng.domain.people_ports import AuditLog, Transactions
from okng.domain.product import is_product_name
from okng.domain.records import Page

_MOST_ON_A_PAGE = 500

Recalibrate = Callable[[Calibration, int], Calibration]
"""Turns the active calibration into the next, given its number."""


class ModelRegistry(Protocol):
    """Keeps models by product and version, with their calibrations and aliases."""

    def names(self, product: str | None = None) -> tuple[str, ...]: ...

    def entry(self, reference: str) -> ModelEntry: ...

    def manifest(self, reference: str) -> Manifest: ...

    def calibrations(self, reference: str) -> tuple[Calibration, ...]: ...

    def add_calibration(
        self, reference: str, calibration: Calibration | Callable[[int], Calibration]
    ) -> Calibration: ...

    def promote(self, reference: str, alias: str = CHAMPION) -> str: ...

    def remove_alias(self, product: str, alias: str) -> None: ...

    def roll_back(self, product: str, alias: str = CHAMPION) -> str: ...

    def set_aside(self, reference: str, force: bool = False) -> str: ...

    def bring_back(self, name: str) -> str: ...

    def aside(self, product: str | None = None) -> tuple[str, ...]: ...


class Taken(Protocol):
    """What became of an archive."""

    @property
    def model(self) -> Model: ...

    @property
    def original(self) -> str: ...

    @property
    def added(self) -> bool: ...

    @property
    def calibrations(self) -> tuple[int, ...]: ...


class TakeIn(Protocol):
    """Verifies an archive and, where that is required, its signature; stores its model."""

    def __call__(self, archive: Path, product: str | None, signature: str | None) -> Taken: ...


class Models:
    """The models of the service.

    `changed` is told which product's models are others now; `prepare` loads a model before it
    becomes the champion, so that nobody waits for it, and none that cannot be loaded becomes one.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        transactions: Transactions,
        audit: AuditLog,
        take_in: TakeIn,
        pack: Callable[[str], bytes],
        changed: Callable[[str], None],
        prepare: Callable[[str], object] | None = None,
    ) -> None:
        self._registry = registry
        self._transactions = transactions
        self._audit = audit
        self._take_in = take_in
        self._pack = pack
        self._changed = changed
        self._prepare = prepare

    def page(
        self, product: str | None, limit: int, cursor: str | None, by: Principal
    ) -> Page[ModelEntry]:
        """Return the models of a product or of all, newest version first; few are read.

        Raises:
            BadRequest: the cursor comes from no earlier page.
        """
        by.require(Right.READ)
        names = self._registry.names(product)
        limit = max(1, min(limit, _MOST_ON_A_PAGE))
        if cursor is not None:
            if not _is_cursor(cursor):
                raise BadRequest("this cursor comes from no page of models: begin without one")
            names = tuple(name for name in names if _place(name) > _place(cursor))
        some = names[:limit]
        more = len(names) > limit
        return Page(tuple(self._registry.entry(name) for name in some), some[-1] if more else None)

    def find(self, product: str, version: int, by: Principal) -> tuple[ModelEntry, Manifest]:
        """Return one model with its card.

        Raises:
            NotFound: there is none.
            BadModel: it is damaged.
        """
        by.require(Right.READ)
        name = f"{product}-{version}"
        return self._registry.entry(name), self._registry.manifest(name)

    def archive(self, product: str, version: int, by: Principal) -> bytes:
        """Return a model with its calibrations as one file."""
        by.require(Right.TEACH)
        name = f"{product}-{version}"
        data = self._pack(name)
        self._audit.append(by.name, "model.export", name, {"bytes": len(data)})
        return data

    def take_in(
        self, archive: Path, product: str | None, signature: str | None, by: Principal
    ) -> Taken:
        """Store an archive's model.

        Raises:
            BadModel: it is damaged or unsafe, or not signed as the settings require.
        """
        by.require(Right.TEACH)
        taken = self._take_in(archive, product, signature)
        manifest = taken.model.manifest
        details = {"original": taken.original, "graph": manifest.calibration.graph_sha256}
        self._audit.append(by.name, "model.import", taken.model.name, details)
        if taken.added:
            self.keep_champion(manifest.product, by, besides=taken.model.name)
        self._changed(manifest.product)
        return taken

    def delete(self, product: str, version: int, by: Principal) -> None:
        """Delete a model; `restore` brings it back, without its aliases.

        Raises:
            NotFound: there is none.
            Conflict: it is the champion.
        """
        by.require(Right.TEACH)
        name = f"{product}-{version}"
        entry = self._registry.entry(name)
        if CHAMPION in entry.aliases:
            raise Conflict(f"{name} is the champion of {product}: promote another one first")
        with self._transactions():
            self._audit.append(by.name, "model.delete", name, {"graph": entry.graph_sha256})
            self._registry.set_aside(name)
        self._changed(product)

    def deleted(self, product: str | None, by: Principal) -> Sequence[str]:
        """Return the names of the deleted models that can be restored."""
        by.require(Right.READ)
        return self._registry.aside(product)

    def restore(self, product: str, version: int, by: Principal) -> ModelEntry:
        """Bring a deleted model back.

        Raises:
            NotFound: there is none.
        """
        by.require(Right.TEACH)
        name = f"{product}-{version}"
        self.keep_champion(product, by)
        with self._transactions():
            self._audit.append(by.name, "model.restore", name, {})
            self._registry.bring_back(name)
        self._changed(product)
        return self._registry.entry(name)

    def aliases(self, product: str, by: Principal) -> Mapping[str, str]:
        """Return model by alias."""
        by.require(Right.READ)
        entries = map(self._registry.entry, self._registry.names(product))
        return {alias: entry.name for entry in entries for alias in entry.aliases}

    def promote(self, product: str, alias: str, reference: str, by: Principal) -> str:
        """Let `alias` name a model of the product; return the model's name.

        Requests on their way are answered by the model that the alias named before.

        Raises:
            NotFound: there is no such model.
            Conflict: it is another product's.
            BadSetting: nothing can have this alias.
            OkngError: it was to be the champion, but cannot be loaded.
        """
        by.require(Right.TEACH)
        manifest = self._registry.manifest(reference)
        name = f"{manifest.product}-{manifest.version}"
        if manifest.product != product:
            raise Conflict(f"{name} is a model of another product than {product}")
        before = self.aliases(product, by).get(alias)
        if self._prepare is not None and alias == CHAMPION:
            self._prepare(name)
        with self._transactions():
            details = {"alias": alias, "before": before}
            self._audit.append(by.name, "model.promote", name, details)
            self._registry.promote(name, alias)
        self._changed(product)
        return name

    def keep_champion(self, product: str, by: Principal, besides: str | None = None) -> None:
        """Let the model go on inspecting that does so now: without a champion the newest would.

        `besides` is a model that has just come.
        """
        if CHAMPION in self.aliases(product, by):
            return
        names = [name for name in self._registry.names(product) if name != besides]
        try:
            if names:
                self.promote(product, CHAMPION, names[0], by)
        except OkngError:
            return  # it cannot be loaded, so that nothing inspects now

    def roll_back(self, product: str, alias: str, by: Principal) -> str:
        """Let `alias` name the model that it named before; return the model's name.

        Raises:
            NotFound: there is no such product, or nothing that the alias named before.
        """
        by.require(Right.TEACH)
        before = self.aliases(product, by).get(alias)
        with self._transactions():
            name = self._registry.roll_back(product, alias)
            details = {"alias": alias, "before": before}
            self._audit.append(by.name, "model.rollback", name, details)
        self._changed(product)
        return name

    def remove_alias(self, product: str, alias: str, by: Principal) -> None:
        """Let `alias` name nothing."""
        by.require(Right.TEACH)
        with self._transactions():
            self._audit.append(by.name, "model.demote", product, {"alias": alias})
            self._registry.remove_alias(product, alias)
        self._changed(product)

    def calibrations(self, product: str, version: int, by: Principal) -> Sequence[Calibration]:
        """Return a model's calibrations, oldest first."""
        by.require(Right.READ)
        return self._registry.calibrations(f"{product}-{version}")

    def calibrate(
        self, product: str, version: int, make: Recalibrate, by: Principal, note: str = ""
    ) -> Calibration:
        """Add a calibration that `make` derives from the active one; `note` says why."""
        by.require(Right.TEACH)
        name = f"{product}-{version}"
        active = self._registry.calibrations(name)[-1]
        made = make(active, active.version + 1)
        said = "; ".join(filter(None, (note.strip(), made.note)))
        with self._transactions():
            stored = self._registry.add_calibration(
                name, lambda number: replace(made, version=number, note=said, author=by.name)
            )
            self._audit.append(by.name, "threshold.set", name, _thresholds(active, stored))
        self._changed(product)
        return stored


def _is_cursor(text: str) -> bool:
    product, dash, version = text.rpartition("-")
    return bool(dash) and is_product_name(product) and version.isascii() and version.isdigit()


def _place(name: str) -> tuple[str, int]:
    """Return where a model stands in a list: by product, the newest version first."""
    product, _, version = name.rpartition("-")
    return product, -int(version[:18])


def _thresholds(old: Calibration, new: Calibration) -> dict[str, object]:
    return {
        "calibration": new.version,
        "method": new.method.value,
        "review_threshold": new.review_threshold,
        "ng_threshold": new.ng_threshold,
        "before": [old.version, old.review_threshold, old.ng_threshold],
        "note": new.note,
    }
