"""Names for records."""

import secrets
import threading
import time

_lock = threading.Lock()
_last = 0


def new_id() -> str:
    """Return a UUID of version 7 as text: ids made one after another in a process sort that way.

    RFC 9562, 5.7 and method 2 of 6.2: 48 bits of milliseconds, then a 74-bit random number that
    is counted up within a millisecond, or where the clock stands or goes back.
    """
    global _last
    fresh = (time.time_ns() // 1_000_000) << 74 | secrets.randbits(73)
    with _lock:
        _last = fresh if fresh >> 74 > _last >> 74 else _last + 1 + secrets.randbits(32)
        value = _last
    milliseconds, tail = value >> 74, value & ((1 << 74) - 1)
    number = milliseconds << 80 | 7 << 76 | (tail >> 62) << 64 | 2 << 62 | tail & ((1 << 62) - 1)
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
