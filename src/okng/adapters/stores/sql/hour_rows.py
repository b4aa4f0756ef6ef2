"""Inspections counted by the hour, within the transaction that adds them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from okng.adapters.stores.sql.schema import InspectionHourRow
from okng.adapters.stores.sql.upserts import insert
from okng.domain.verdict import Verdict


def hour_of(at: datetime) -> datetime:
    """Return when the hour began, in UTC, that a time lies in."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def count_hours(session: Session, inspections: Iterable[Mapping[str, Any]]) -> None:
    """Count new inspections, given as rows' values, to their hours."""
    new = Counter[tuple[str, datetime, Verdict]](
        (values["product"], hour_of(values["at"]), values["verdict"]) for values in inspections
    )
    if not new:
        return
    statement = insert(session, InspectionHourRow)
    statement = statement.on_conflict_do_update(
        index_elements=[
            InspectionHourRow.product,
            InspectionHourRow.hour,
            InspectionHourRow.verdict,
        ],
        set_={"inspections": InspectionHourRow.inspections + statement.excluded.inspections},
    )
    # In one order everywhere: two processes then never wait for each other in a circle.
    ordered = sorted(new.items(), key=lambda item: (*item[0][:2], item[0][2].severity))
    rows = [
        {"product": product, "hour": hour, "verdict": verdict, "inspections": count}
        for (product, hour, verdict), count in ordered
    ]
    session.execute(statement, rows)
