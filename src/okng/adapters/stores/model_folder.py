"""The registry of models: a folder per product, in it a folder per version.

root/bottle/3/model.onnx, manifest.json, golden/*, report.html, calibrations/2.json
root/bottle/aliases.json
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryDirectory

from okng.adapters.stores.aliases import move_alias, move_alias_back, read_aliases, write_aliases
from okng.adapters.stores.durable_files import replace_file, write_files, writing
from okng.adapters.stores.kept_model import KeptModel
from okng.adapters.stores.manifest_json import calibration_bytes, read_manifest
from okng.adapters.stores.model_files import (
    MANIFEST,
    calibration_file,
    check_belongs,
    pack,
    pack_calibrations,
)
from okng.adapters.stores.references import (
    NEWEST,
    Reference,
    check_alias,
    listed,
    parse_reference,
)
from okng.adapters.stores.version_folders import (
    aside,
    bring_back,
    changing,
    discard,
    names,
    publish,
    reserved,
    set_aside,
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

    def check_writable(self, product: str) -> None:
        """Make sure that a model of the product could be stored, before hours of work for it.

        Raises:
            BadSetting: the folder cannot be written.
        """
        with writing(self._root):
            self._root.mkdir(parents=True, exist_ok=True)
            own = self._root / product
            with TemporaryDirectory(dir=own if own.is_dir() else self._root, prefix=".probe-"):
                pass

    def load(self, reference: str) -> Model:
        """Return a model, every file of it verified.

        Raises:
            NotFound: there is no such model.
            BadModel: it is damaged.
        """
        return self._kept(*self._resolve(reference)).model()

    def resolve(self, reference: str) -> str:
        """Return the name of the model that a reference means now, as in `bottle-3`.

        Raises:
            NotFound: there is no such model.
        """
        return "{}-{}".format(*self._resolve(reference))

    def manifest(self, reference: str) -> Manifest:
        """Return a model's manifest, without reading its graph.

        Raises:
            NotFound: there is no such model.
            BadModel: the manifest is damaged.
        """
        return self._kept(*self._resolve(reference)).manifest()

    def calibrations(self, reference: str) -> tuple[Calibration, ...]:
        """Return a model's calibrations, oldest (the manifest's) first.

        Raises:
            NotFound: there is no such model.
            BadModel: it is damaged.
        """
        return self._kept(*self._resolve(reference)).calibrations()

    def calibration(self, reference: str, version: int | None = None) -> Calibration:
        """Return a model's active calibration: the newest, unless a version is named.

        Raises:
            NotFound: there is no such model or calibration.
            BadModel: it is damaged.
        """
        kept = self._kept(*self._resolve(reference))
        manifest = kept.manifest()
        every = kept.calibration_numbers(manifest)
        wanted = every[-1] if version is None else version
        if wanted not in every:
            there = ", ".join(map(str, every))
            raise NotFound(f"{reference} has no calibration {version}; it has {there}")
        return kept.calibration(manifest, wanted)

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
        kept = self._kept(product, version)
        while True:
            manifest = kept.manifest()
            number = kept.next_calibration(manifest)
            if isinstance(calibration, Calibration):
                made = replace(calibration, version=number)
            else:
                made = calibration(number)
            if made.version != number:
                raise BadModel(f"{kept.name}: calibration {made.version} was built, not {number}")
            check_belongs(manifest, made, kept.name)
            data = calibration_bytes(made)
            with changing(self._root / product):
                self._check_there(product, version)
                if number == kept.next_calibration(manifest):
                    path = kept.folder / calibration_file(number)
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
            move_alias(self._root / product, alias, version)
        return f"{product}-{version}"

    def roll_back(self, product: str, alias: str = CHAMPION) -> str:
        """Let `alias` name what it named before; returns the model's name.

        Raises:
            NotFound: there is no such product, or nothing that the alias named before.
        """
        self._check_product(product)
        with changing(self._root / product):
            version = move_alias_back(self._root / product, alias, self._versions(product))
        if version is None:
            raise NotFound(f"{product}@{alias} named no other model before that is still there")
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
                raise NotFound(f"{product} has no alias {alias!r}; it has {listed(aliases)}")
            del aliases[alias]
            write_aliases(self._root / product, aliases)

    def delete(self, reference: str, force: bool = False) -> str:
        """Delete one version and the aliases that name it; returns the model's name.

        Raises:
            NotFound: there is no such model.
            BadSetting: it is the champion and `force` is False, or no version is named.
        """
        return self._remove(reference, force, discard)

    def set_aside(self, reference: str, force: bool = False) -> str:
        """Delete as `delete` does, but so that `bring_back` can undo it; the bytes stay."""
        return self._remove(reference, force, set_aside)

    def bring_back(self, name: str) -> str:
        """Let a version that was set aside be there again, without its aliases.

        Raises:
            NotFound: no such version is set aside.
        """
        asked = parse_reference(name)
        product = self._root / asked.product
        if asked.version not in aside(product):
            raise NotFound(f"{asked.product} has no version {asked.version} that was set aside")
        with changing(product):
            if asked.version in aside(product):
                bring_back(product, asked.version)
        return f"{asked.product}-{asked.version}"

    def aside(self, product: str | None = None) -> tuple[str, ...]:
        """Return the names of the models that are set aside, of one product or all."""
        wanted = names(self._root) if product is None else (product,)
        products = [name for name in wanted if is_product_name(name)]
        return tuple(f"{name}-{number}" for name in products for number in aside(self._root / name))

    def _remove(self, reference: str, force: bool, how: Callable[[Path, int], None]) -> str:
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
            how(self._root / product, version)
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

    def names(self, product: str | None = None) -> tuple[str, ...]:
        """Return the names of the models of one product or all, newest version first.

        A product that is not there has none.
        """
        wanted = self.products() if product is None else (product,)
        return tuple(f"{p}-{version}" for p in wanted for version in reversed(self._versions(p)))

    def entry(self, reference: str) -> ModelEntry:
        """Return what a list says of one model, which must be there."""
        return self._entry(*self._resolve(reference))

    def _entry(self, product: str, version: int) -> ModelEntry:
        entry = ModelEntry(product, version, (), size_bytes(self._folder(product, version)))
        try:
            aliases = read_aliases(self._root / product)
            own = sorted(alias for alias, number in aliases.items() if number == version)
            entry = replace(entry, aliases=tuple(own))
            kept = self._kept(product, version)
            manifest = kept.manifest()
            entry = replace(
                entry,
                created=manifest.created,
                detector=manifest.detector,
                images=manifest.data.images,
                graph_sha256=manifest.calibration.graph_sha256,
            )
            every = kept.calibrations()
            entry = replace(entry, calibrations=tuple(c.version for c in every))
            kept.check_files(manifest)
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
                f"{asked.product} has no alias {asked.alias!r}; it has {listed(aliases)} "
                f"(okng models promote {asked.product}-{newest} makes a champion)"
            )
        return aliases[asked.alias]

    def _check_product(self, product: str) -> None:
        if self._versions(product):
            return
        products = self.products()
        if not products:
            raise NotFound("there are no models yet: make one with `okng train FOLDER`")
        close = get_close_matches(product, products, n=3) or [
            name for name in products if name.startswith(product)
        ]
        hint = f"did you mean {' or '.join(close[:3])}? " if close else ""
        raise NotFound(f"there is no product {product!r}; {hint}there are {listed(products)}")

    def _check_there(self, product: str, version: int) -> None:
        there = self._versions(product)
        if version not in there:
            names = listed(f"{product}-{number}" for number in there)
            raise NotFound(f"there is no {product}-{version}; there are: {names}")

    def _kept(self, product: str, version: int) -> KeptModel:
        return KeptModel(self._root / product / str(version), product, version)

    def _folder(self, product: str, version: int) -> Path:
        return self._kept(product, version).folder

    def _versions(self, product: str) -> Sequence[int]:
        return versions(self._root / product) if is_product_name(product) else ()
