"""What all reports share: the templates and how figures are written."""

import re

from jinja2 import Environment, PackageLoader, StrictUndefined

from okng.domain.rates import Rate

_SPACE = "\N{NARROW NO-BREAK SPACE}"
_GONE = "\N{EN DASH}"


def environment() -> Environment:
    """Return the templates; whatever a user named is escaped."""
    environment = Environment(
        loader=PackageLoader("okng.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "share": share, "figure": figure, "ms": ms}
    environment.filters |= {"listed": listed, "spaced": spaced}
    return environment


def encodable(text: str) -> str:
    """Return a page that UTF-8 can hold: bytes of file names that are no text become escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def listed(value: object) -> object:
    """Write a list as people do; what is no list stays as it is."""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value


def spaced(text: str) -> str:
    """Set the per cent signs of a sentence as `percent` sets its own."""
    return re.sub(r"(?<=\d) ?%", f"{_SPACE}%", text)


def percent(value: float | None) -> str:
    """Write a share as per cent; never rounds to 0 or 100 what is neither."""
    if value is None:
        return _GONE
    if value in (0.0, 1.0):
        return f"{value * 100:.0f}{_SPACE}%"
    digits = 1 if 0.001 <= value <= 0.999 else 2
    return f"{min(max(value * 100, 0.01), 99.99):.{digits}f}{_SPACE}%"


def share(rate: Rate) -> str:
    """Write a rate's own value as per cent."""
    return percent(rate.value)


def figure(value: float | None) -> str:
    """Write a figure between 0 and 1; never rounds up to 1."""
    if value is None:
        return _GONE
    return f"{min(value, 0.9999):.4f}" if 0.9995 <= value < 1.0 else f"{value:.3f}"


def ms(value: float) -> str:
    """Write milliseconds with three significant figures or so."""
    return f"{value:.1f}{_SPACE}ms" if value < 100 else f"{value:.0f}{_SPACE}ms"
