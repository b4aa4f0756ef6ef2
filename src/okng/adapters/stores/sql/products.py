"""Products in the database."""

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.schema import ProductRow
from okng.domain.errors import Conflict, NotFound
from okng.domain.records import ProductRecord


class SqlProducts:
    """Keeps products; deleted ones are hidden."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, product: ProductRecord) -> ProductRecord:
        """Keep a new product.

        Raises:
            Conflict: its name is taken, maybe by a deleted one.
        """
        try:
            with self._database.session() as session:
                session.add(ProductRow(**product.__dict__))
                session.flush()
        except IntegrityError as error:
            raise Conflict(
                f"there is a product {product.name} already, maybe a deleted one: restore it, or "
                "choose another name"
            ) from error
        return product

    def get(self, name: str) -> ProductRecord:
        """Return one, deleted or not.

        Raises:
            NotFound: there is none of that name.
        """
        with self._database.reading() as session:
            return _product_of(_found(session.get(ProductRow, name), name))

    def all(self, deleted: bool = False) -> tuple[ProductRecord, ...]:
        """Return the products by name; `deleted`: those that are hidden."""
        hidden = ProductRow.deleted.is_not(None) if deleted else ProductRow.deleted.is_(None)
        with self._database.reading() as session:
            rows = session.scalars(select(ProductRow).where(hidden).order_by(ProductRow.name))
            return tuple(_product_of(row) for row in rows)

    def change(self, product: ProductRecord) -> ProductRecord:
        """Replace title and deletion of the product of that name.

        Raises:
            NotFound: there is none of that name.
        """
        with self._database.session() as session:
            row = _found(session.get(ProductRow, product.name), product.name)
            row.title, row.deleted = product.title, product.deleted
            session.flush()
            return _product_of(row)


def _found(row: ProductRow | None, name: str) -> ProductRow:
    if row is None:
        raise NotFound(f"there is no product {name}")
    return row


def _product_of(row: ProductRow) -> ProductRecord:
    return ProductRecord(row.name, row.title, row.created, row.deleted)
