from pathlib import Path

import pytest

from okng.adapters.stores.model_folder import FolderModelStore
from okng.domain.errors import BadSetting, NotFound
from okng.testing.models import tiny_model


@pytest.fixture
def store(tmp_path: Path) -> FolderModelStore:
    """A store with bottle-1, -2 and -3, and cap-1."""
    store = FolderModelStore(tmp_path)
    for product in ("bottle", "bottle", "bottle", "cap"):
        store.add(product, lambda version, product=product: tiny_model(product, version))
    return store


def test_resolve(store: FolderModelStore) -> None:
    """A reference is resolved to a name as `load` would, without reading a model."""
    store.promote("bottle-2")
    names = {ref: store.resolve(ref) for ref in ("bottle", "bottle-3", "bottle@newest", "cap@1")}
    assert names == {
        "bottle": "bottle-2",
        "bottle-3": "bottle-3",
        "bottle@newest": "bottle-3",
        "cap@1": "cap-1",
    }
    with pytest.raises(NotFound):
        store.resolve("bottle-4")


def test_names_and_entries(store: FolderModelStore) -> None:
    """Names come by product, the newest first; an entry is what the list says."""
    assert store.names() == ("bottle-3", "bottle-2", "bottle-1", "cap-1")
    assert store.names("cap") == ("cap-1",)
    assert store.names("nothing") == store.names("../bottle") == ()
    assert {store.entry(name) for name in store.names()} == set(store.list())


def test_set_aside_and_brought_back(store: FolderModelStore) -> None:
    """A model set aside is gone for everybody, and comes back as it was, without aliases."""
    model, entry = store.load("bottle-2"), store.entry("bottle-2")
    store.promote("bottle-2", "candidate")
    assert store.set_aside("bottle-2") == "bottle-2"
    assert store.names("bottle") == ("bottle-3", "bottle-1")
    assert store.aside() == store.aside("bottle") == ("bottle-2",)
    assert store.aside("cap") == store.aside("../bottle") == ()
    for reference in ("bottle-2", "bottle@candidate"):
        with pytest.raises(NotFound):
            store.load(reference)
    assert store.bring_back("bottle-2") == "bottle-2"
    assert store.load("bottle-2") == model
    assert store.entry("bottle-2") == entry
    assert store.aside() == ()


def test_its_number_is_not_given_again(store: FolderModelStore) -> None:
    """The number of a model set aside stays its own, so it can always come back."""
    store.set_aside("bottle-3")
    added = store.add("bottle", lambda version: tiny_model("bottle", version))
    assert added.name == "bottle-4"
    store.bring_back("bottle-3")
    assert store.names("bottle") == ("bottle-4", "bottle-3", "bottle-2", "bottle-1")


def test_a_products_only_model_comes_back(store: FolderModelStore) -> None:
    """A product all of whose models are set aside can be had again."""
    store.set_aside("cap-1")
    assert store.products() == ("bottle",)
    assert store.bring_back("cap-1") == "cap-1"
    assert store.products() == ("bottle", "cap")


def test_the_champion_stays(store: FolderModelStore) -> None:
    """The champion is not set aside unawares."""
    store.promote("bottle-2")
    with pytest.raises(BadSetting, match="champion"):
        store.set_aside("bottle-2")
    assert store.set_aside("bottle-2", force=True) == "bottle-2"


@pytest.mark.parametrize("name", ["bottle-1", "bottle-9", "bottle", "nothing-1", "../x-1"])
def test_what_was_not_set_aside(store: FolderModelStore, name: str) -> None:
    """Only what was set aside can be brought back."""
    with pytest.raises(NotFound):
        store.bring_back(name)


def test_roll_back(store: FolderModelStore) -> None:
    """Rolling back goes through what the alias named before, latest first, and not in circles."""
    for version in (1, 2, 2, 3):
        store.promote(f"bottle-{version}")
    assert store.roll_back("bottle") == "bottle-2"
    assert store.resolve("bottle") == "bottle-2"
    assert store.roll_back("bottle") == "bottle-1"
    with pytest.raises(NotFound, match="no other model before"):
        store.roll_back("bottle")
    assert store.resolve("bottle") == "bottle-1"
    store.promote("bottle-3")
    assert store.roll_back("bottle") == "bottle-1"


def test_roll_back_passes_over_what_is_gone(store: FolderModelStore) -> None:
    """A model that is not there any more is not rolled back to; aliases have pasts of their own."""
    for version in (1, 2, 3):
        store.promote(f"bottle-{version}")
    store.promote("bottle-2", "candidate")
    store.set_aside("bottle-2")
    assert store.roll_back("bottle") == "bottle-1"
    with pytest.raises(NotFound):
        store.roll_back("bottle", "candidate")
    with pytest.raises(NotFound):
        store.roll_back("nothing")


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"champion": 3}', '{"champion": ["x"]}', "[" * 9999]
)
def test_a_damaged_past_is_forgotten(store: FolderModelStore, tmp_path: Path, text: str) -> None:
    """A damaged history stops no promotion; there is only nothing to roll back to."""
    store.promote("bottle-1")
    (tmp_path / "bottle" / "alias_history.json").write_text(text)
    with pytest.raises(NotFound):
        store.roll_back("bottle")
    store.promote("bottle-2")
    assert store.roll_back("bottle") == "bottle-1"
