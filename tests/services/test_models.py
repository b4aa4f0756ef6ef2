from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from okng.adapters.stores.model_archive import Imported, archive_bytes, import_archive
from okng.adapters.stores.model_folder import FolderModelStore
from okng.domain.errors import BadModel, BadRequest, Conflict, Forbidden, NotFound
from okng.domain.people import AuditEntry, Principal, Role
from okng.services.calibrate import Wish, set_thresholds
from okng.services.models import Models
from okng.testing.models import tiny_model

ENGINEER = Principal("eva", Role.ENGINEER.rights)
OPERATOR = Principal("otto", Role.OPERATOR.rights)


class House:
    """The service over a real store; notes what is audited, prepared and changed."""

    def __init__(self, root: Path) -> None:
        self.store = FolderModelStore(root)
        self.audited: list[tuple[str, str, str, Mapping[str, object]]] = []
        self.changed: list[str] = []
        self.prepared: list[str] = []
        self.refuse: BadModel | None = None
        self.models = Models(
            self.store,
            self.transaction,
            self,
            self.take_in,
            lambda name: archive_bytes(self.store.load(name)),
            self.changed.append,
            self.prepare,
        )

    def take_in(self, archive: Path, product: str | None, signature: str | None) -> Imported:
        return import_archive(archive, self.store, product, approve=lambda model: None)

    def prepare(self, name: str) -> None:
        if self.refuse is not None:
            raise self.refuse
        self.prepared.append(name)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        before = len(self.audited)
        try:
            yield
        except BaseException:
            del self.audited[before:]
            raise

    def append(
        self, actor: str, action: str, subject: str, details: Mapping[str, object]
    ) -> AuditEntry:
        self.audited.append((actor, action, subject, details))
        return AuditEntry(1, datetime.now(UTC), actor, action, subject, "{}", "", "")

    @property
    def actions(self) -> list[tuple[str, str]]:
        return [(action, subject) for _, action, subject, _ in self.audited]


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path / "models")
    for product in ("bottle", "bottle", "bottle", "cap"):
        house.store.add(product, lambda version, product=product: tiny_model(product, version))
    return house


def test_promotion(house: House) -> None:
    """A model is loaded before it becomes the champion; the entry says what was before."""
    assert house.models.promote("bottle", "champion", "bottle-2", ENGINEER) == "bottle-2"
    assert house.models.promote("bottle", "champion", "bottle@newest", ENGINEER) == "bottle-3"
    assert house.models.promote("bottle", "candidate", "bottle-1", ENGINEER) == "bottle-1"
    assert house.prepared == ["bottle-2", "bottle-3"]
    assert house.changed == ["bottle"] * 3
    assert [details for *_, details in house.audited] == [
        {"alias": "champion", "before": None},
        {"alias": "champion", "before": "bottle-2"},
        {"alias": "candidate", "before": None},
    ]
    assert house.models.aliases("bottle", OPERATOR) == {
        "champion": "bottle-3",
        "candidate": "bottle-1",
    }


def test_what_inspects_goes_on_until_somebody_promotes(house: House) -> None:
    """Without a champion the newest becomes it; one that is there, or nothing, stays."""
    house.models.keep_champion("none", ENGINEER)
    assert house.actions == []
    house.models.keep_champion("bottle", ENGINEER, besides="bottle-3")
    assert house.models.aliases("bottle", ENGINEER) == {"champion": "bottle-2"}
    house.models.keep_champion("bottle", ENGINEER)
    assert house.actions == [("model.promote", "bottle-2")]


def test_a_model_from_outside_does_not_inspect_at_once(house: House, tmp_path: Path) -> None:
    """An imported or restored model is the newest, but what inspected before goes on."""
    archive = tmp_path / "other.okng"
    house.store.add("jar", lambda version: tiny_model("jar", version, gain=2.0))
    archive.write_bytes(house.models.archive("jar", 1, ENGINEER))
    house.models.take_in(archive, "cap", None, ENGINEER)
    assert house.models.aliases("cap", ENGINEER) == {"champion": "cap-1"}
    house.models.delete("bottle", 3, ENGINEER)
    house.models.restore("bottle", 3, ENGINEER)
    assert house.models.aliases("bottle", ENGINEER) == {"champion": "bottle-2"}


def test_no_champion_that_cannot_be_loaded(house: House) -> None:
    """Promotion of a model that no worker can load is refused; the old champion stays."""
    house.models.promote("bottle", "champion", "bottle-1", ENGINEER)
    house.refuse = BadModel("the runtime cannot load this graph")
    with pytest.raises(BadModel):
        house.models.promote("bottle", "champion", "bottle-2", ENGINEER)
    assert house.store.resolve("bottle") == "bottle-1"
    assert house.actions == [("model.promote", "bottle-1")]


def test_a_model_of_another_product(house: House) -> None:
    """An alias of one product never names a model of another."""
    with pytest.raises(Conflict, match="another product"):
        house.models.promote("bottle", "champion", "cap-1", ENGINEER)


def test_roll_back(house: House) -> None:
    """Rolling back is one step, and its entry names both models."""
    for version in (1, 2):
        house.models.promote("bottle", "champion", f"bottle-{version}", ENGINEER)
    assert house.models.roll_back("bottle", "champion", ENGINEER) == "bottle-1"
    assert house.audited[-1] == (
        "eva",
        "model.rollback",
        "bottle-1",
        {"alias": "champion", "before": "bottle-2"},
    )
    with pytest.raises(NotFound):
        house.models.roll_back("bottle", "champion", ENGINEER)
    assert len(house.audited) == 3


def test_delete_and_restore(house: House) -> None:
    """A deleted model is hidden, not lost; the champion is not deleted."""
    house.models.promote("bottle", "champion", "bottle-3", ENGINEER)
    with pytest.raises(Conflict, match="champion"):
        house.models.delete("bottle", 3, ENGINEER)
    house.models.delete("bottle", 2, ENGINEER)
    page = house.models.page("bottle", 9, None, OPERATOR)
    assert [entry.name for entry in page.items] == ["bottle-3", "bottle-1"]
    assert house.models.deleted("bottle", OPERATOR) == ("bottle-2",)
    assert house.models.restore("bottle", 2, ENGINEER).name == "bottle-2"
    assert house.models.deleted(None, OPERATOR) == ()
    with pytest.raises(NotFound):
        house.models.restore("bottle", 2, ENGINEER)
    assert house.actions[1:] == [("model.delete", "bottle-2"), ("model.restore", "bottle-2")]


def test_pages(house: House) -> None:
    """Pages together hold every model once, whatever their size, even if one is deleted between."""
    for limit in (1, 2, 3, 9):
        found, cursor = [], None
        while True:
            page = house.models.page(None, limit, cursor, OPERATOR)
            found += [entry.name for entry in page.items]
            cursor = page.cursor
            if cursor is None:
                break
        assert found == ["bottle-3", "bottle-2", "bottle-1", "cap-1"]
    first = house.models.page("bottle", 2, None, OPERATOR)
    house.models.delete("bottle", 2, ENGINEER)
    rest = house.models.page("bottle", 2, first.cursor, OPERATOR)
    assert [entry.name for entry in rest.items] == ["bottle-1"]
    for cursor in ("", "x", "bottle-", "../a-1", "bottle-1²", "bottle-" + "9" * 40):
        if cursor == "bottle-" + "9" * 40:
            assert house.models.page("bottle", 2, cursor, OPERATOR).items != ()
            continue
        with pytest.raises(BadRequest):
            house.models.page(None, 2, cursor, OPERATOR)


def test_thresholds(house: House) -> None:
    """A new calibration is stored beside the old one, and its entry holds both thresholds."""
    made = house.models.calibrate(
        "bottle",
        1,
        lambda old, version: set_thresholds(old, 0.25, 0.75, Wish(), version),
        ENGINEER,
    )
    assert (made.version, made.review_threshold) == (2, 0.25)
    assert [c.version for c in house.models.calibrations("bottle", 1, OPERATOR)] == [1, 2]
    actor, action, subject, details = house.audited[-1]
    assert (actor, action, subject) == ("eva", "threshold.set", "bottle-1")
    assert details["before"] == [1, 0.5, 0.625]
    assert house.changed == ["bottle"]


def test_out_and_in(house: House, tmp_path: Path) -> None:
    """What was exported can be imported under another product; both are on record."""
    archive = tmp_path / "bottle-1.okng"
    archive.write_bytes(house.models.archive("bottle", 1, ENGINEER))
    taken = house.models.take_in(archive, "jar", None, ENGINEER)
    assert taken.model.name == "jar-1"
    assert house.actions == [("model.export", "bottle-1"), ("model.import", "jar-1")]


def test_rights(house: House, tmp_path: Path) -> None:
    """Whoever does not teach changes no model, and nothing is noted."""
    models = house.models
    for change in (
        lambda: models.promote("bottle", "champion", "bottle-1", OPERATOR),
        lambda: models.roll_back("bottle", "champion", OPERATOR),
        lambda: models.delete("bottle", 1, OPERATOR),
        lambda: models.restore("bottle", 1, OPERATOR),
        lambda: models.remove_alias("bottle", "champion", OPERATOR),
        lambda: models.calibrate("bottle", 1, lambda old, version: old, OPERATOR),
        lambda: models.archive("bottle", 1, OPERATOR),
        lambda: models.take_in(tmp_path, None, None, OPERATOR),
    ):
        with pytest.raises(Forbidden):
            change()
    nobody = Principal("nobody", frozenset())
    with pytest.raises(Forbidden):
        models.page(None, 9, None, nobody)
    assert house.audited == house.changed == []
