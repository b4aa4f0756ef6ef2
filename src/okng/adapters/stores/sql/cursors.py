"""Cursors: where a page ended, as text that is checked before it is believed."""

import base64
import binascii
import hashlib
import json
from datetime import UTC, datetime, timedelta

from okng.domain.errors import BadRequest

LARGEST_PAGE = 1000
_LONGEST = 4096
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REFUSAL = "this cursor belongs to no page of this list: start without one"


def check_limit(limit: int) -> int:
    """Return a page's size.

    Raises:
        BadRequest: it is out of bounds.
    """
    if not 1 <= limit <= LARGEST_PAGE:
        raise BadRequest(f"a page has 1 to {LARGEST_PAGE} items, not {limit}")
    return limit


def write_cursor(question: object, position: list[int | float | str]) -> str:
    """Return a cursor that continues `question` (filter and order) after `position`."""
    data = json.dumps([_mark(question), *position]).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def read_cursor(
    question: object, cursor: str | None, types: tuple[type, ...]
) -> list[int | float | str] | None:
    """Return the position in a cursor, values of `types`; None for the beginning.

    Raises:
        BadRequest: no page gave this cursor, or one of another question.
    """
    if cursor is None:
        return None
    wrong = BadRequest(_REFUSAL)
    if len(cursor) > _LONGEST:
        raise wrong
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        values = json.loads(data)
    except (binascii.Error, ValueError, RecursionError):
        raise wrong from None
    if not isinstance(values, list) or len(values) != len(types) + 1:
        raise wrong
    mark, *position = values
    fits = all(type(v) is t for v, t in zip(position, types, strict=True))
    if mark != _mark(question) or not fits or any(v != v for v in position):
        raise wrong
    if any(isinstance(v, int) and not -(2**62) < v < 2**62 for v in position):
        raise wrong
    return position


def as_microseconds(at: datetime) -> int:
    """Return a time as cursors hold it."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def as_time(microseconds: int | float | str) -> datetime:
    """Return the time in a cursor.

    Raises:
        BadRequest: there is no such time.
    """
    try:
        return _EPOCH + timedelta(microseconds=int(microseconds))
    except OverflowError:
        raise BadRequest(_REFUSAL) from None


def _mark(question: object) -> str:
    return hashlib.sha256(repr(question).encode("utf-8", "surrogatepass")).hexdigest()[:16]
