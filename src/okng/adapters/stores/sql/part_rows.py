"""Parts, kept in step with their inspections within the same transaction."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import case
from sqlalchemy.orm import Session

from okng.adapters.stores.sql.schema import PartRow
from okng.adapters.stores.sql.upserts import insert, larger, smaller
from okng.domain.records import PartRecord


def update_parts(session: Session, inspections: Iterable[Mapping[str, Any]]) -> None:
    """Count new inspections, given as rows' values, to their parts."""
    parts: dict[tuple[str, str], dict[str, Any]] = {}
    for values in sorted(inspections, key=lambda values: values["at"]):
        if values["part_id"] is not None:
            name = (values["product"], values["part_id"])
            parts[name] = _joined(parts.get(name), values)
    if not parts:
        return
    statement = insert(session, PartRow)
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=[PartRow.product, PartRow.part_id],
        set_={
            "verdict": larger(session, PartRow.verdict, new.verdict),
            "inspections": PartRow.inspections + new.inspections,
            "first_at": smaller(session, PartRow.first_at, new.first_at),
            "last_at": larger(session, PartRow.last_at, new.last_at),
            "lot": case(
                (new.lot.is_(None), PartRow.lot),
                (PartRow.lot.is_(None), new.lot),
                (new.last_at >= PartRow.last_at, new.lot),
                else_=PartRow.lot,
            ),
        },
    )
    # In one order everywhere: two processes then never wait for each other in a circle.
    session.execute(statement, [parts[name] for name in sorted(parts)])


def part_of(row: PartRow) -> PartRecord:
    """Return the part of a row."""
    return PartRecord(
        product=row.product,
        part_id=row.part_id,
        lot=row.lot,
        verdict=row.verdict,
        inspections=row.inspections,
        first_at=row.first_at,
        last_at=row.last_at,
    )


def _joined(part: Mapping[str, Any] | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a part's values with one more inspection, which is not older than those before."""
    verdict = values["verdict"]
    if part is not None:
        verdict = max(part["verdict"], verdict, key=lambda each: each.severity)
    return {
        "product": values["product"],
        "part_id": values["part_id"],
        "lot": values["lot"] or (part["lot"] if part else None),
        "verdict": verdict,
        "inspections": 1 + (part["inspections"] if part else 0),
        "first_at": part["first_at"] if part else values["at"],
        "last_at": values["at"],
    }
