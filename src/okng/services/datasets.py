"""Datasets: register a folder, list, count anew, delete (which hides them), restore and read."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from okng.domain.dataset import Dataset
from okng.domain.errors import BadDataset, BadRequest, Conflict, Forbidden, NotFound
from okng.domain.people import Principal, Right
from okng.domain.people_ports import AuditLog, Transactions
from okng.domain.records import DatasetRecord, ProductRecord

LONGEST_NAME = 100

_FLAT = "flat folder"
_DEEPEST = 4


class DatasetStore(Protocol):
    """Keeps what is known of datasets."""

    def add(self, dataset: DatasetRecord) -> DatasetRecord: ...

    def get(self, dataset_id: str) -> DatasetRecord: ...

    def of(self, product: str | None = None) -> tuple[DatasetRecord, ...]: ...

    def change(self, dataset: DatasetRecord) -> DatasetRecord: ...


class KnownProducts(Protocol):
    """Finds products by name."""

    def get(self, name: str) -> ProductRecord: ...


class ReadDataset(Protocol):
    """Understands a folder or a CSV list; nothing in it may lead out of `within`."""

    def __call__(
        self, root: Path, group_pattern: str | None = None, within: Path | None = None
    ) -> Dataset: ...


class Datasets:
    """The datasets of the service.

    `home` is the data folder, where uploaded ones lie; `roots` are the folders below which an
    administrator has allowed to read in place.
    """

    def __init__(
        self,
        store: DatasetStore,
        products: KnownProducts,
        transactions: Transactions,
        audit: AuditLog,
        read: ReadDataset,
        home: Path,
        roots: Sequence[Path],
        new_id: Callable[[], str],
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._products = products
        self._transactions = transactions
        self._audit = audit
        self._read = read
        self._home = home
        self._roots = tuple(roots)
        self._new_id = new_id
        self._clock = clock

    def register(self, product: str, name: str, folder: str, by: Principal) -> DatasetRecord:
        """Take a folder, or a CSV list, as a dataset; its files stay where they are.

        Raises:
            Forbidden: it does not lie below a folder that the administrator has allowed.
            BadDataset: it cannot be understood.
            NotFound: there is no such product.
            Conflict: the product has a dataset of that name.
        """
        by.require(Right.TEACH)
        check_product(self._products, product)
        place, root = allowed_folder(folder, self._roots, self._home)
        found, dataset = find_dataset(self._read, place, root)
        return self._keep(product, name, str(found), dataset, by)

    def adopt(self, product: str, name: str, folder: Path, by: Principal) -> DatasetRecord:
        """Take a folder that okng itself wrote into its data folder, unless it is taken already.

        Raises:
            Forbidden: it lies elsewhere.
            BadDataset, NotFound, Conflict: as `register`.
        """
        by.require(Right.TEACH)
        check_product(self._products, product)
        place, home = folder.resolve(), self._home.resolve()
        if not place.is_relative_to(home):
            raise Forbidden(f"{folder} does not lie in okng's own data folder: register it")
        kept = place.relative_to(home).as_posix()
        for record in self._store.of(product):
            if record.folder == kept and record.deleted is None:
                return record
        within = place if place.is_dir() else place.parent
        return self._keep(product, name, kept, self._read(place, None, within), by)

    def list(
        self, product: str | None, by: Principal, deleted: bool = False
    ) -> tuple[DatasetRecord, ...]:
        """Return a product's datasets, or all, newest first; or those that are deleted."""
        by.require(Right.READ)
        return tuple(d for d in self._store.of(product) if (d.deleted is not None) == deleted)

    def get(self, dataset_id: str, by: Principal) -> DatasetRecord:
        """Return one, deleted or not.

        Raises:
            NotFound: there is none.
        """
        by.require(Right.READ)
        return self._store.get(dataset_id)

    def read(self, record: DatasetRecord) -> Dataset:
        """Read a dataset's samples as they are on the disk now.

        Raises:
            NotFound: it is deleted.
            Forbidden: its folder is no longer allowed.
            BadDataset: it cannot be read any more.
        """
        place, within = self.place(record)
        return self._read(place, None, within)

    def place(self, record: DatasetRecord) -> tuple[Path, Path]:
        """Return where a dataset is, and the folder that nothing of it may lead out of.

        Raises:
            NotFound: it is deleted.
            Forbidden: its folder is no longer allowed.
        """
        if record.deleted is not None:
            raise NotFound(f"the dataset {record.name} is deleted: restore it first")
        if Path(record.folder).is_absolute():
            return allowed_folder(record.folder, self._roots, self._home)
        within = self._home.joinpath(*Path(record.folder).parts[:2])
        return self._home / record.folder, within

    def recount(self, dataset_id: str, by: Principal) -> DatasetRecord:
        """Count the samples again, after files of a registered folder have changed.

        Raises:
            NotFound: there is none, or it is deleted.
            BadDataset: it cannot be read any more.
        """
        by.require(Right.TEACH)
        record = self._store.get(dataset_id)
        dataset = self.read(record)
        changed = replace(record, layout=dataset.layout, counts=counts_of(dataset))
        if changed == record:
            return record
        with self._transactions():
            kept = self._store.change(changed)
            details = {"before": dict(record.counts), "after": dict(changed.counts)}
            self._audit.append(by.name, "dataset.recount", dataset_id, details)
        return kept

    def delete(self, dataset_id: str, by: Principal) -> DatasetRecord:
        """Hide a dataset; its files and what refers to it stay.

        Raises:
            NotFound: there is none.
            Conflict: it is deleted already.
        """
        return self._set_deleted(dataset_id, "dataset.delete", self._clock(), by)

    def restore(self, dataset_id: str, by: Principal) -> DatasetRecord:
        """Show a deleted dataset again.

        Raises:
            NotFound: there is none.
            Conflict: it is not deleted.
        """
        return self._set_deleted(dataset_id, "dataset.restore", None, by)

    def _keep(
        self, product: str, name: str, folder: str, dataset: Dataset, by: Principal
    ) -> DatasetRecord:
        record = DatasetRecord(
            id=self._new_id(),
            product=product,
            name=dataset_name(name),
            folder=folder,
            layout=dataset.layout,
            counts=counts_of(dataset),
            created=self._clock(),
            actor=by.name,
        )
        with self._transactions():
            self._store.add(record)
            details = {"product": product, "name": record.name, "folder": record.folder}
            self._audit.append(by.name, "dataset.register", record.id, details)
        return record

    def _set_deleted(
        self, dataset_id: str, action: str, deleted: datetime | None, by: Principal
    ) -> DatasetRecord:
        by.require(Right.TEACH)
        with self._transactions():
            record = self._store.get(dataset_id)
            if (record.deleted is None) == (deleted is None):
                state = "is not deleted" if deleted is None else "is deleted already"
                raise Conflict(f"the dataset {record.name} {state}")
            changed = self._store.change(replace(record, deleted=deleted))
            self._audit.append(by.name, action, dataset_id, {"name": record.name})
        return changed


def allowed_folder(folder: str, roots: Sequence[Path], home: Path) -> tuple[Path, Path]:
    """Return a folder, links followed, and which of the allowed roots is above it.

    Nothing outside the roots is told apart: whether it exists is nobody's business. `home` is the
    data folder, which is never allowed.

    Raises:
        Forbidden: it lies below none of them.
    """
    refused = Forbidden(
        f"{folder[:300]!r} does not lie below a folder that the administrator has allowed "
        "(OKNG_DATASET_ROOTS)"
    )
    try:
        path = Path(folder)
        if not path.is_absolute():
            raise refused
        place, own = path.resolve(), home.resolve()
        for allowed in roots:
            root = allowed.resolve()
            if place.is_relative_to(root) and not place.is_relative_to(own):
                return place, root
    except (OSError, ValueError, RuntimeError):  # a NUL, a link that leads to itself
        raise refused from None
    raise refused


def find_dataset(read: ReadDataset, folder: Path, within: Path) -> tuple[Path, Dataset]:
    """Understand a folder that a program packed: the dataset may lie in a single folder of it.

    One CSV list at the top says what the images are, unless the folders say so by themselves.

    Returns:
        Where the dataset begins, a folder or the list, and the dataset.

    Raises:
        BadDataset: nothing fits.
    """
    if not folder.is_dir():
        return folder, read(folder, None, within)
    first: BadDataset | None = None
    for _ in range(_DEEPEST):
        try:
            return _read_top(read, folder, within)
        except BadDataset as error:
            first = first or error
        entries = [path for path in folder.iterdir() if not path.name.startswith(".")]
        if len(entries) != 1 or not entries[0].is_dir():
            break
        folder = entries[0]
    raise first or BadDataset(f"{folder}: the folders are too deep")


def counts_of(dataset: Dataset) -> dict[str, int]:
    """Return the number of samples by `split/label`."""
    counts = dataset.counts()
    return {f"{split.value}/{label}": counts[split, label] for split, label in sorted(counts)}


def dataset_name(text: str) -> str:
    """Return a dataset's name without blanks around it.

    Raises:
        BadRequest: it is empty, too long, or holds what cannot be seen.
    """
    name = text.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise BadRequest(
            f"a dataset's name has 1 to {LONGEST_NAME} characters, all of them visible: "
            "choose another"
        )
    return name


def check_product(products: KnownProducts, name: str) -> None:
    """Make sure that a product is there.

    Raises:
        NotFound: it is not, or is deleted.
    """
    if products.get(name).deleted is not None:
        raise NotFound(f"the product {name} is deleted: restore it first")


def _read_top(read: ReadDataset, folder: Path, within: Path) -> tuple[Path, Dataset]:
    lists = [path for path in folder.iterdir() if path.suffix.lower() == ".csv"]
    if len(lists) != 1:
        return folder, read(folder, None, within)
    try:
        return lists[0], read(lists[0], None, within)
    except BadDataset:
        dataset = read(folder, None, within)
        if dataset.layout == _FLAT:
            raise
        return folder, dataset
