"""Read a CSV file with a header."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from okng.domain.errors import BadDataset

MAX_ROWS = 200_000
_MAX_BYTES = 100 * 2**20


def rows_of(path: Path, max_rows: int = MAX_ROWS) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row's line number and its values by column (lower case, stripped).

    UTF-8, with or without a byte order mark; the header decides between comma, semicolon and tab.
    Empty lines are passed over. A file without rows yields nothing but its header's check.

    Raises:
        BadDataset: not readable, not such a file, too long, or a row of another length; names
            the line.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise BadDataset(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise BadDataset(f"{path}: not a CSV file in UTF-8; save it as UTF-8") from error
    if len(data) > _MAX_BYTES or "\0" in text:
        raise BadDataset(f"{path}: not a CSV file, or one larger than {_MAX_BYTES:,} bytes")
    header = text.lstrip("\r\n").partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: list[str] = []
    count = 0
    try:
        for row in reader:
            values = [value.strip() for value in row]
            if not any(values):
                continue
            if not columns:
                columns = _columns(path, values)
                continue
            if len(values) != len(columns):
                raise BadDataset(
                    f"{path}, line {reader.line_num}: {len(values)} values where the header has "
                    f"{len(columns)}; quote values that contain the delimiter"
                )
            count += 1
            if count > max_rows:
                raise BadDataset(f"{path}: more than {max_rows:,} rows; divide the list")
            yield reader.line_num, dict(zip(columns, values, strict=True))
    except csv.Error as error:
        raise BadDataset(f"{path}, line {reader.line_num}: not CSV ({error})") from error


def _columns(path: Path, values: list[str]) -> list[str]:
    columns = [value.lower() for value in values]
    twice = {column for column in columns if columns.count(column) > 1}
    if twice:
        raise BadDataset(f"{path}, line 1: column {', '.join(sorted(twice))} is there twice")
    return columns
