"""Trainings and their logs, for whoever looks at them."""

from collections.abc import Sequence

from sqlalchemy import literal, select, tuple_

from okng.adapters.stores.sql.cursors import (
    as_microseconds,
    as_time,
    check_limit,
    read_cursor,
    write_cursor,
)
from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.job_rows import find_job, job_of
from okng.adapters.stores.sql.schema import JobLogRow, JobRow
from okng.adapters.stores.sql.schema_root import UtcTime
from okng.domain.record_ports import LogLine
from okng.domain.records import Job, JobState, Page


class SqlJobs:
    """Shows trainings."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, job_id: str) -> Job:
        """Return one.

        Raises:
            NotFound: there is none of that id.
        """
        with self._database.reading() as session:
            return job_of(find_job(session, job_id))

    def page(
        self,
        product: str | None = None,
        state: JobState | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Job]:
        """Return jobs, newest first.

        Raises:
            BadRequest: the cursor or the limit cannot be.
        """
        question = ("jobs", product, state)
        position = read_cursor(question, cursor, (int, str))
        statement = select(JobRow).order_by(JobRow.created.desc(), JobRow.id.desc())
        if product is not None:
            statement = statement.where(JobRow.product == product)
        if state is not None:
            statement = statement.where(JobRow.state == state.value)
        if position is not None:
            here = tuple_(literal(as_time(position[0]), UtcTime), literal(position[1]))
            statement = statement.where(tuple_(JobRow.created, JobRow.id) < here)
        with self._database.reading() as session:
            rows = session.scalars(statement.limit(check_limit(limit) + 1)).all()
            items = tuple(job_of(row) for row in rows[:limit])
        if len(rows) <= limit:
            return Page(items, None)
        last = items[-1]
        return Page(items, write_cursor(question, [as_microseconds(last.created), last.id]))


class SqlJobLogs:
    """Keeps what jobs say, line by line."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, job_id: str, lines: Sequence[str]) -> int:
        """Add lines to a job's log; return the number of the last one.

        Raises:
            NotFound: there is no such job.
        """
        with self._database.session() as session:
            job = find_job(session, job_id, change=True)
            first = job.log_lines + 1
            session.add_all(
                JobLogRow(job_id=job_id, number=number, line=line)
                for number, line in enumerate(lines, first)
            )
            job.log_lines += len(lines)
            session.flush()
            return job.log_lines

    def lines(self, job_id: str, after: int = 0, limit: int = 1000) -> tuple[LogLine, ...]:
        """Return the lines after number `after`.

        Raises:
            NotFound: there is no such job.
            BadRequest: the limit cannot be.
        """
        wanted = (
            select(JobLogRow)
            .where(JobLogRow.job_id == job_id, JobLogRow.number > after)
            .order_by(JobLogRow.number)
            .limit(check_limit(limit))
        )
        with self._database.reading() as session:
            find_job(session, job_id)
            return tuple(LogLine(row.number, row.line) for row in session.scalars(wanted))
