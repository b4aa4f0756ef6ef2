import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.inspection_pages import SqlInspectionPages
from okng.adapters.stores.sql.inspections import SqlInspections
from okng.domain.records import InspectionFilter, InspectionRecord

CHILD = """
import sys, threading
from datetime import UTC, datetime
from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.identifiers import new_id
from okng.adapters.stores.sql.inspections import SqlInspections
from okng.domain.inspection import Inspection
from okng.domain.records import Context, InspectionRecord
from okng.domain.verdict import Verdict

store = SqlInspections(Database(sys.argv[1]))
printing = threading.Lock()

def work(number):
    for i in range(100_000):
        inspection = Inspection(
            "x.png", Verdict.OK, "bottle", "bottle-1", "0" * 64, 1, 0.5, 0.6, "", score=i / 3
        )
        record = InspectionRecord(
            new_id(), datetime.now(UTC), "line", inspection, Context(part_id=f"P{i % 7}")
        )
        kept = store.add(record)
        with printing:
            sys.stdout.write(kept.id + "\\n")
            sys.stdout.flush()

for number in range(8):
    threading.Thread(target=work, args=(number,), daemon=True).start()
threading.Event().wait()
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_what_was_answered_survives_a_kill(
    database_url: str, tmp_path: Path, make_record: Callable[..., InspectionRecord]
) -> None:
    """After SIGKILL amid adds of eight threads, every acknowledged id is there, nothing is half."""
    answers = tmp_path / "answers"
    for _ in range(2):
        with answers.open("ab") as output:
            child = subprocess.Popen([sys.executable, "-c", CHILD, database_url], stdout=output)
            until = time.monotonic() + 30
            size = answers.stat().st_size
            while answers.stat().st_size < size + 37 * 150 and time.monotonic() < until:
                time.sleep(0.005)
                assert child.poll() is None
            child.send_signal(signal.SIGKILL)
            child.wait()
    acknowledged = {line for line in answers.read_text().split("\n") if len(line) == 36}
    assert len(acknowledged) >= 300

    database = Database(database_url)
    pages = SqlInspectionPages(database)
    stored: list[InspectionRecord] = []
    page = pages.page(InspectionFilter(), limit=1000)
    while True:
        stored.extend(page.items)
        if page.cursor is None:
            break
        page = pages.page(InspectionFilter(), limit=1000, cursor=page.cursor)
    assert acknowledged <= {record.id for record in stored}
    assert len({record.id for record in stored}) == len(stored)
    assert sum(part.inspections for part in pages.parts().items) == len(stored)
    SqlInspections(database).add(make_record())
    database.close()
