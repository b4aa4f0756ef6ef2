"""Products: create, list, delete (which hides them) and restore."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from okng.domain.errors import BadSetting, Conflict, NotFound
from okng.domain.people import Principal, Right
from okng.domain.people_ports import AuditLog, Transactions
from okng.domain.product import product_name
from okng.domain.records import ProductRecord


class ProductStore(Protocol):
    """Keeps products; deleted ones are hidden."""

    def add(self, product: ProductRecord) -> ProductRecord: ...

    def get(self, name: str) -> ProductRecord: ...

    def all(self, deleted: bool = False) -> tuple[ProductRecord, ...]: ...

    def change(self, product: ProductRecord) -> ProductRecord: ...


class Products:
    """The products of the service.

    `trained` names those that have a model, maybe made by the command line: they get a record
    when they are first looked for.
    """

    def __init__(
        self,
        store: ProductStore,
        transactions: Transactions,
        audit: AuditLog,
        trained: Callable[[], tuple[str, ...]],
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._transactions = transactions
        self._audit = audit
        self._trained = trained
        self._clock = clock

    def create(self, name: str, title: str, by: Principal) -> ProductRecord:
        """Make a product.

        Raises:
            BadSetting: no product can have this name.
            Conflict: there is one, maybe deleted.
        """
        by.require(Right.TEACH)
        if product_name(name) != name:
            raise BadSetting(f"{name!r} cannot be a product: call it {product_name(name)!r}")
        self._adopt()
        with self._transactions():
            made = self._store.add(ProductRecord(name, title or name, self._clock()))
            self._audit.append(by.name, "product.create", name, {"title": made.title})
        return made

    def list(self, by: Principal, deleted: bool = False) -> tuple[ProductRecord, ...]:
        """Return the products by name, or those that are deleted."""
        by.require(Right.READ)
        self._adopt()
        return self._store.all(deleted)

    def get(self, name: str, by: Principal) -> ProductRecord:
        """Return one, deleted or not.

        Raises:
            NotFound: there is none.
        """
        by.require(Right.READ)
        return self.find(name)

    def find(self, name: str) -> ProductRecord:
        """Return one, for the services that need to know that it is there.

        Raises:
            NotFound: there is none.
        """
        try:
            return self._store.get(name)
        except NotFound:
            self._adopt()
            return self._store.get(name)

    def delete(self, name: str, by: Principal) -> ProductRecord:
        """Hide a product; its models and inspections stay.

        Raises:
            Conflict: it is deleted.
        """
        return self._change(name, "product.delete", self._clock(), by)

    def restore(self, name: str, by: Principal) -> ProductRecord:
        """Show a deleted product again.

        Raises:
            Conflict: it is not deleted.
        """
        return self._change(name, "product.restore", None, by)

    def _change(
        self, name: str, action: str, deleted: datetime | None, by: Principal
    ) -> ProductRecord:
        by.require(Right.TEACH)
        self.get(name, by)
        with self._transactions():
            product = self._store.get(name)
            if (product.deleted is None) == (deleted is None):
                state = "is not deleted" if deleted is None else "is deleted already"
                raise Conflict(f"the product {name} {state}")
            changed = self._store.change(replace(product, deleted=deleted))
            self._audit.append(by.name, action, name, {})
        return changed

    def _adopt(self) -> None:
        """Give a record to products that were trained from the command line."""
        known = {p.name for hidden in (False, True) for p in self._store.all(hidden)}
        for name in self._trained():
            if name not in known:
                try:
                    self._store.add(ProductRecord(name, name, self._clock()))
                except Conflict:
                    continue  # another thread was faster
