"""The registry of models: a folder per product, in it a folder per version.

root/bottle/3/model.onnx, manifest.json, golden/*, report.html, calibrations/2.json
root/bottle/aliases.json
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from okng.adapters.stores.aliases import read_aliases, write_aliases
from okng.adapters.stores.durable_files import read_limited, replace_file, write_files, writing
from okng.adapters.stores.manifest_json import LARGEST_JSON, calibration_bytes, read_manifest
from okng.adapters.stores.model_files import (
    MANIFEST,
    calibration_file,
    calibration_number,
    check_belongs,
    largest,
    pack,
    pack_calibrations,
    unpack,
    unpack_calibration,
)
from okng.adapters.stores.references import NEWEST, Reference, check_alias, parse_reference
from okng.adapters.stores.version_folders import (
    changing,
    discard,
    names,
    publish,
    reserved,
    size_bytes,
    versions,
)
from okng.domain.calibration import Calibration
from okng.domain.errors import BadModel, BadSetting, NotFound
from okng.domain.model import CHAMPION, Manifest, Model, ModelEntry
from okng.domain.product import is_product_name, product_name


class FolderModelStore:
    """Keeps models under `root`; several processes may use one at the same time."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def add(
        self,
        product: str,
        build: Callable[[int], Model],
        calibrations: Sequence[Calibration] = (),
    ) -> Model:
        """Store what `build` makes of the product's next version number, and return it completed.

        The model appears whole or not at all. `calibrations` are later ones that come with it,
        and keep their numbers.

        Raises:
            BadSetting: the product's name is not possible, or the folder cannot be written.
            BadModel: it is not a sound model of that product and version.
        """
        if product_name(product) != product:
            raise BadSetting(f"{product!r} cannot be a product: call it {product_name(product)!r}")
        with reserved(self._root / product) as (version, partial):
            model = build(version)
            if (model.manifest.product, model.manifest.version) != (product, version):
                raise BadModel(f"{model.name} was built where {product}-{version} was to be")
            files = pack(model)
            manifest = read_manifest(files[MANIFEST])
            files |= pack_calibrations(manifest, calibrations)
            with writing(self._root):
                write_files(partial, files)
            publish(partial, version)
        return replace(model, manifest=manifest, golden=dict(sorted(model.golden.items())))

    def load(self, reference: str) -> Model:
        """Return a model, every file of it verified.

        Raises:
            NotFound: there is no such model.
            BadModel: it is damaged.
        """
        product, version = self._resolve(reference)
        manifest = self._manifest(product, version)
        folder, where = self._folder(product, version), f"{product}-{version}"
        return unpack(
            manifest, lambda name: read_limited(folder / name, largest(name) or 0, where), where
        )

    def manifest(self, reference: str) -> Manifest:
        """Return a model's manifest, without reading its graph.

        Raises:
            NotFound: there is no such model.
            BadModel: the manifest is damaged.
        """
        return self._manifest(*self._resolve(reference))

    def calibrations(self, reference: str) -> tuple[Calibration, ...]:
        """Return a model's calibrations, oldest (the manifest's) first.

        Raises:
            NotFound: there is no such model.
            BadModel: it is damaged.
        """
        product, version = self._resolve(reference)
        manifest = self._manifest(product, version)
        folder, where = self._folder(product, version), f"{product}-{version}"
        later = []
        for number in self._later_calibrations(product, version):
            name = calibration_file(number)
            data = read_limited(folder / name, LARGEST_JSON, where)
            later.append(unpack_calibration(manifest, name, data, where))
        return (manifest.calibration, *later)

    def calibration(self, reference: str, version: int | None = None) -> Calibration:
        """Return a model's active calibration: the newest, unless a version is named.

        Raises:
            NotFound: there is no such model or calibration.
            BadModel: it is damaged.
        """
        every = self.calibrations(reference)
        if version is None:
            return every[-1]
        for calibration in every:
            if calibration.version == version:
                return calibration
        there = ", ".join(str(calibration.version) for calibration in every)
        raise NotFound(f"{reference} has no calibration {version}; it has {there}")

    def add_calibration(
        self, reference: str, calibration: Calibration | Callable[[int], Calibration]
    ) -> Calibration:
        """Store a calibration under the model's next calibration number, and return it.

        A function is handed that number; it is called again if another process was faster.

        Raises:
            NotFound: there is no such model.
            BadModel: the calibration belongs to another graph, or states another number.
        """
        product, version = self._resolve(reference)
        where = f"{product}-{version}"
        while True:
            manifest = self._manifest(product, version)
            number = self._next_calibration(product, version, manifest)
            if isinstance(calibration, Calibration):
                made = replace(calibration, version=number)
            else:
                made = calibration(number)
            if made.version != number:
                raise BadModel(f"{where}: calibration {made.version} was built, not {number}")
            check_belongs(manifest, made, where)
            data = calibration_bytes(made)
            with changing(self._root / product):
                self._check_there(product, version)
                if number == self._next_calibration(product, version, manifest):
                    path = self._folder(product, version) / calibration_file(number)
                    with writing(self._root):
                        path.parent.mkdir(exist_ok=True)
                        replace_file(path, data)
                    return made

    def promote(self, reference: str, alias: str = CHAMPION) -> str:
        """Let `alias` name this model from now on; returns the model's name.

        Raises:
            NotFound: there is no such model.
            BadSetting: nothing can have this alias.
        """
        check_alias(alias)
        product, version = self._resolve(reference)
        with changing(self._root / product):
            self._check_there(product, version)
            aliases = read_aliases(self._root / product)
            write_aliases(self._root / product, aliases | {alias: version})
        return f"{product}-{version}"

    def remove_alias(self, product: str, alias: str) -> None:
        """Let `alias` name nothing.

        Raises:
            NotFound: there is no such product or alias.
        """
        self._check_product(product)
        with changing(self._root / product):
            aliases = read_aliases(self._root / product)
            if alias not in aliases:
                raise NotFound(f"{product} has no alias {alias!r}; it has {_listed(aliases)}")
            del aliases[alias]
            write_aliases(self._root / product, aliases)

    def delete(self, reference: str, force: bool = False) -> str:
        """Delete one version and the aliases that name it; returns the model's name.

        Raises:
            NotFound: there is no such model.
            BadSetting: it is the champion and `force` is False, or no version is named.
        """
        asked = parse_reference(reference)
        product, version = self._resolve(reference)
        name = f"{product}-{version}"
        if asked.version is None and asked.alias is None:
            raise BadSetting(f"say which version of {product} to delete, as in {name}")
        with changing(self._root / product):
            self._check_there(product, version)
            aliases = read_aliases(self._root / product)
            if aliases.get(CHAMPION) == version and not force:
                raise BadSetting(
                    f"{name} is the champion of {product}: promote another one first "
                    f"(okng models promote {product}-N), or delete with --force"
                )
            kept = {alias: number for alias, number in aliases.items() if number != version}
            if kept != aliases:
                write_aliases(self._root / product, kept)
            discard(self._root / product, version)
        return name

    def products(self) -> tuple[str, ...]:
        """Return the names of the products that have a model, sorted."""
        return tuple(name for name in names(self._root) if self._versions(name))

    def list(self, product: str | None = None) -> tuple[ModelEntry, ...]:
        """Return what there is, by product and version; damaged models are listed as such.

        Raises:
            NotFound: there is no such product.
        """
        if product is not None:
            self._check_product(product)
        wanted = self.products() if product is None else (product,)
        return tuple(
            self._entry(name, version) for name in wanted for version in self._versions(name)
        )

    def _entry(self, product: str, version: int) -> ModelEntry:
        entry = ModelEntry(product, version, (), size_bytes(self._folder(product, version)))
        try:
            aliases = read_aliases(self._root / product)
            own = sorted(alias for alias, number in aliases.items() if number == version)
            entry = replace(entry, aliases=tuple(own))
            manifest = self._manifest(product, version)
            entry = replace(
                entry,
                created=manifest.created,
                detector=manifest.detector,
                images=manifest.data.images,
                graph_sha256=manifest.calibration.graph_sha256,
            )
            every = self.calibrations(f"{product}-{version}")
            entry = replace(entry, calibrations=tuple(c.version for c in every))
            for name in manifest.files:
                if not (self._folder(product, version) / name).is_file():
                    raise BadModel(f"{entry.name}: {name} is missing; restore it from an archive")
        except (BadModel, NotFound) as error:
            return replace(entry, damage=str(error))
        return entry

    def _resolve(self, reference: str) -> tuple[str, int]:
        """Return the product and the version, which is there."""
        asked = parse_reference(reference)
        self._check_product(asked.product)
        version = asked.version or self._named(asked)
        self._check_there(asked.product, version)
        return asked.product, version

    def _named(self, asked: Reference) -> int:
        newest = self._versions(asked.product)[-1]
        if asked.alias == NEWEST:
            return newest
        aliases = read_aliases(self._root / asked.product)
        if asked.alias is None:
            return aliases.get(CHAMPION, newest)
        if asked.alias not in aliases:
            raise NotFound(
                f"{asked.product} has no alias {asked.alias!r}; it has {_listed(aliases)} "
                f"(okng models promote {asked.product}-{newest} makes a champion)"
            )
        return aliases[asked.alias]

    def _check_product(self, product: str) -> None:
        products = self.products()
        if product in products:
            return
        if not products:
            raise NotFound("there are no models yet: make one with `okng train FOLDER`")
        close = get_close_matches(product, products, n=3) or [
            name for name in products if name.startswith(product)
        ]
        hint = f"did you mean {' or '.join(close[:3])}? " if close else ""
        raise NotFound(f"there is no product {product!r}; {hint}There are: {_listed(products)}")

    def _check_there(self, product: str, version: int) -> None:
        there = self._versions(product)
        if version not in there:
            names = _listed(f"{product}-{number}" for number in there)
            raise NotFound(f"there is no {product}-{version}; there are: {names}")

    def _folder(self, product: str, version: int) -> Path:
        return self._root / product / str(version)

    def _versions(self, product: str) -> Sequence[int]:
        return versions(self._root / product) if is_product_name(product) else ()

    def _manifest(self, product: str, version: int) -> Manifest:
        where = f"{product}-{version}"
        path = self._folder(product, version) / MANIFEST
        manifest = read_manifest(read_limited(path, LARGEST_JSON, where), f"{where}: {MANIFEST}")
        if (manifest.product, manifest.version) != (product, version):
            raise BadModel(
                f"{where}: its manifest says {manifest.product[:64]}-{manifest.version}: "
                "move models with `okng models export` and `import` only"
            )
        check_belongs(manifest, manifest.calibration, where)
        return manifest

    def _later_calibrations(self, product: str, version: int) -> Sequence[int]:
        folder = self._folder(product, version) / "calibrations"
        numbers = (calibration_number(f"{folder.name}/{name}") for name in names(folder))
        return sorted(number for number in numbers if number is not None)

    def _next_calibration(self, product: str, version: int, manifest: Manifest) -> int:
        later = self._later_calibrations(product, version)
        return max(manifest.calibration.version, *later, 0) + 1


def _listed(names: Iterable[str]) -> str:
    """Return names for a message, at most 20 of them."""
    every = list(names)
    return ", ".join(every[:20]) + (", ..." if len(every) > 20 else "") if every else "none"
