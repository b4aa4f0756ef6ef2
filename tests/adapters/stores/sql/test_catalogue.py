from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.datasets import SqlDatasets
from okng.adapters.stores.sql.identifiers import new_id
from okng.adapters.stores.sql.products import SqlProducts
from okng.adapters.stores.sql.stored_values import SqlStoredValues
from okng.adapters.stores.sql.uploads import SqlUploads
from okng.domain.errors import BadRequest, Conflict, NotFound
from okng.domain.records import DatasetRecord, ProductRecord, Upload, UploadState

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def bottle(database: Database) -> ProductRecord:
    return SqlProducts(database).add(ProductRecord("bottle", "Bottle", NOON))


def dataset(name: str = "first", minute: int = 0, product: str = "bottle") -> DatasetRecord:
    counts = {"train/good": 20, "test/crack": 3}
    at = NOON + timedelta(minutes=minute)
    return DatasetRecord(new_id(), product, name, "d/1", "mvtec", counts, at, "ann")


def upload(size: int = 100) -> Upload:
    return Upload(new_id(), "bottle", "bottle.zip", size, 0, UploadState.OPEN, NOON, "ann")


def test_products_are_listed_by_name(database: Database) -> None:
    """Names sort by code point in both databases; deleted ones are listed apart."""
    store = SqlProducts(database)
    for name in ["screw", "a_b", "a-b", "a.c", "ab"]:
        store.add(ProductRecord(name, name.title(), NOON))
    store.change(replace(store.get("screw"), deleted=NOON))
    assert [product.name for product in store.all()] == ["a-b", "a.c", "a_b", "ab"]
    assert [product.name for product in store.all(deleted=True)] == ["screw"]
    assert store.get("screw").deleted == NOON


def test_a_product_can_be_changed_and_restored(database: Database, bottle: ProductRecord) -> None:
    """Title and deletion change; the day of making does not."""
    store = SqlProducts(database)
    store.change(ProductRecord("bottle", "Bottles", NOON + timedelta(1), deleted=NOON))
    store.change(replace(store.get("bottle"), deleted=None))
    assert store.get("bottle") == replace(bottle, title="Bottles")


def test_product_names_are_unique(database: Database, bottle: ProductRecord) -> None:
    """A second one is a Conflict, also while the first is deleted; unknown ones are NotFound."""
    store = SqlProducts(database)
    store.change(replace(bottle, deleted=NOON))
    with pytest.raises(Conflict, match="restore it"):
        store.add(bottle)
    for use in (lambda: store.get("x"), lambda: store.change(replace(bottle, name="x"))):
        with pytest.raises(NotFound, match="no product x"):
            use()


def test_a_dataset_comes_back_as_it_was(database: Database, bottle: ProductRecord) -> None:
    """Datasets are listed newest first, by product or all; changes are kept."""
    store = SqlDatasets(database)
    SqlProducts(database).add(ProductRecord("screw", "Screw", NOON))
    first, second = store.add(dataset("first")), store.add(dataset("second", 1))
    other = store.add(dataset("first", 2, "screw"))
    assert store.get(first.id) == first
    assert store.of("bottle") == (second, first)
    assert store.of() == (other, second, first)
    changed = replace(first, layout="flat", counts={"train/good": 1}, deleted=NOON)
    assert store.change(changed) == changed
    assert store.get(first.id) == changed
    store.remove(second.id)
    assert store.of("bottle") == (changed,)


def test_dataset_refusals(database: Database, bottle: ProductRecord) -> None:
    """Same name, unknown product, unknown id and one in use: each its own error."""
    store = SqlDatasets(database)
    used = store.add(dataset())
    with pytest.raises(Conflict, match="'first' already"):
        store.add(dataset())
    with pytest.raises(NotFound, match="no product x"):
        store.add(dataset(product="x"))
    for use in (store.get, store.remove, lambda i: store.change(replace(used, id=i))):
        with pytest.raises(NotFound, match="no dataset x"):
            use("x")
    sent = SqlUploads(database).add(upload())
    SqlUploads(database).finish(sent.id, UploadState.DONE, dataset_id=used.id)
    with pytest.raises(Conflict, match="refers to"):
        store.remove(used.id)
    assert store.get(used.id) == used


def test_an_upload_arrives_in_parts(database: Database, bottle: ProductRecord) -> None:
    """Parts must follow each other within the size; then it can be closed once."""
    store = SqlUploads(database)
    sent = store.add(upload(100))
    assert store.advance(sent.id, 0, 60).received == 60
    with pytest.raises(Conflict, match="continues at byte 60, not at 0"):
        store.advance(sent.id, 0, 60)
    with pytest.raises(Conflict, match="announced with 100 bytes"):
        store.advance(sent.id, 60, 101)
    with pytest.raises(Conflict, match="announced"):
        store.advance(sent.id, 60, 10)
    assert store.all(UploadState.OPEN) == (replace(sent, received=60),)
    store.advance(sent.id, 60, 100)
    done = store.finish(sent.id, UploadState.FAILED, error="no images")
    assert done == replace(sent, received=100, state=UploadState.FAILED, error="no images")
    assert store.get(sent.id) == done
    for use in (
        lambda: store.advance(sent.id, 100, 100),
        lambda: store.finish(sent.id, done.state),
    ):
        with pytest.raises(Conflict, match="is failed"):
            use()
    assert store.all(UploadState.OPEN) == ()
    store.remove(sent.id)
    store.remove(sent.id)
    with pytest.raises(NotFound, match="no upload"):
        store.get(sent.id)
    with pytest.raises(NotFound, match="no product x"):
        store.add(replace(upload(), product="x"))


def test_values_are_kept_as_json(database: Database) -> None:
    """A value is replaced by a later one and forgotten by None; only plain values are taken."""
    store = SqlStoredValues(database)
    assert store.value("retention") is None
    for value in ({"days": [1, 0.1, "x", None]}, 0, False):
        store.set_value("retention", value)
        assert store.value("retention") == value
    store.set_value("retention", None)
    assert store.value("retention") is None
    for odd in (object(), float("nan")):
        with pytest.raises(BadRequest, match="retention must be a plain value"):
            store.set_value("retention", odd)
