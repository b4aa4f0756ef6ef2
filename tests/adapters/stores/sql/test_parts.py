import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.inspection_pages import SqlInspectionPages
from okng.adapters.stores.sql.inspections import SqlInspections
from okng.domain.errors import BadRequest, NotFound
from okng.domain.records import InspectionRecord, PartRecord
from okng.domain.verdict import Verdict

Make = Callable[..., InspectionRecord]
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_a_parts_verdict_is_the_worst_in_any_order(database: Database, make_record: Make) -> None:
    """Verdict, count, first and last time of parts equal those of their inspections."""
    chance = random.Random(4)
    records = [
        make_record(
            chance.choices(list(Verdict), [8, 2, 1, 1])[0],
            product=chance.choice(["bottle", "screw"]),
            at=NOON + timedelta(seconds=chance.randrange(1000)),
            part_id=chance.choice(["1", "2", "3", "4", None]),
        )
        for _ in range(60)
    ]
    store = SqlInspections(database)
    store.add_many(records[:30])
    for record in records[30:]:
        store.add(record)
    found = {(p.product, p.part_id): p for p in SqlInspectionPages(database).parts().items}
    wanted = {}
    for record in records:
        if record.context.part_id is not None:
            name = (record.inspection.product, record.context.part_id)
            wanted.setdefault(name, []).append(record)
    assert found == {
        name: PartRecord(
            *name,
            lot=None,
            verdict=max((r.inspection.verdict for r in those), key=lambda v: v.severity),
            inspections=len(those),
            first_at=min(r.at for r in those),
            last_at=max(r.at for r in those),
        )
        for name, those in wanted.items()
    }


def test_a_parts_lot_is_the_last_that_was_named(database: Database, make_record: Make) -> None:
    """Neither an inspection without lot nor an older one takes a newer lot away."""
    store, pages = SqlInspections(database), SqlInspectionPages(database)
    lots = []
    for minutes, lot in [(0, None), (5, "A"), (6, None), (7, "B"), (1, "C")]:
        store.add(make_record(part_id="P", lot=lot, at=NOON + timedelta(minutes=minutes)))
        lots.append(pages.part("bottle", "P").lot)
    assert lots == [None, "A", "A", "B", "B"]


def test_parts_are_paged_newest_first(database: Database, make_record: Make) -> None:
    """Pages of any size give each part of a product or lot once, also where times are equal."""
    store, pages = SqlInspections(database), SqlInspectionPages(database)
    for i in range(23):
        product = "bottle" if i % 3 else "screw"
        lot = f"L{i % 2}"
        at = NOON + timedelta(seconds=i // 4)
        store.add(make_record(product=product, part_id=f"P{i:02}", lot=lot, at=at))
    for product, lot in [(None, None), ("bottle", None), (None, "L1"), ("bottle", "L1")]:
        everything = pages.parts(product, lot, limit=100)
        assert everything.cursor is None
        wanted = sum(
            (product is None or bool(i % 3)) and (lot is None or i % 2 == 1) for i in range(23)
        )
        assert len(everything.items) == wanted
        keys = [(part.first_at, part.product, part.part_id) for part in everything.items]
        assert keys == sorted(keys, reverse=True)
        for limit in (1, 4, 23):
            seen: list[PartRecord] = []
            page = pages.parts(product, lot, limit)
            while True:
                seen.extend(page.items)
                if page.cursor is None:
                    break
                page = pages.parts(product, lot, limit, page.cursor)
            assert tuple(seen) == everything.items


def test_a_part_that_nobody_saw_is_not_found(database: Database) -> None:
    """The error names part and product; another list's cursor is refused."""
    with pytest.raises(NotFound, match="no part 'P' of bottle"):
        SqlInspectionPages(database).part("bottle", "P")
    with pytest.raises(BadRequest, match="cursor"):
        SqlInspectionPages(database).parts(cursor="WzFd")
