from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.inspections import SqlInspections
from okng.adapters.stores.sql.kept_images import SqlKeptImages
from okng.domain.record_ports import ImageKind, ImageRule
from okng.domain.records import InspectionRecord
from okng.domain.verdict import Verdict

Make = Callable[..., InspectionRecord]
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
A, B, C = "a" * 64, "b" * 64, "c" * 64


def test_removable_follows_the_rule_oldest_first(database: Database, make_record: Make) -> None:
    """Verdicts, age and review decide; what has no image of that kind is passed over."""
    store = SqlInspections(database)

    def add(verdict: Verdict, minute: int, **known: object) -> str:
        at = NOON + timedelta(minutes=minute)
        values = {"image": A, **known}
        return store.add(make_record(verdict, at=at, **values)).id

    ok_late, ng = add(Verdict.OK, 5), add(Verdict.NG, 0)
    ok_early, doubt = add(Verdict.OK, 1), add(Verdict.REVIEW, 3)
    reviewed = add(Verdict.OK, 2, reviewed=Verdict.NG)
    add(Verdict.OK, 0, image=None, thumbnail=B)
    add(Verdict.OK, 10)

    def ids(limit: int = 9, reviewed: bool | None = False, kind: ImageKind = ImageKind.IMAGE):
        verdicts = frozenset({Verdict.OK, Verdict.REVIEW})
        rule = ImageRule(kind, verdicts, NOON + timedelta(minutes=10), reviewed)
        return [record.id for record in SqlKeptImages(database).removable(rule, limit)]

    assert ids() == [ok_early, doubt, ok_late]
    assert ids(2) == [ok_early, doubt]
    assert ids(reviewed=True) == [reviewed]
    assert ids(reviewed=None) == [ok_early, reviewed, doubt, ok_late]
    assert len(ids(kind=ImageKind.THUMBNAIL)) == 1
    assert ng not in ids()


def test_a_content_goes_when_nobody_refers_to_it(database: Database, make_record: Make) -> None:
    """remove_images names only digests that no other image or thumbnail has."""
    store, kept = SqlInspections(database), SqlKeptImages(database)
    one = store.add(make_record(image=A, thumbnail=B))
    two = store.add(make_record(image=A, thumbnail=C))
    three = store.add(make_record(image=C))
    assert kept.remove_images(ImageKind.IMAGE, [one.id]) == ()
    assert store.get(one.id).image is None
    assert store.get(one.id).thumbnail == B
    assert kept.images_in_use(A)
    assert kept.remove_images(ImageKind.IMAGE, [two.id, three.id, one.id, "none"]) == (A,)
    assert not kept.images_in_use(A)
    assert kept.images_in_use(C)
    assert kept.remove_images(ImageKind.THUMBNAIL, [one.id, two.id]) == (B, C)
    assert kept.remove_images(ImageKind.THUMBNAIL, []) == ()
