"""What triggers an inspection: an image, and what its sender knows of it."""

import unicodedata
from dataclasses import dataclass, field, fields

from okng.domain.arrays import Pixels
from okng.domain.errors import BadRequest
from okng.domain.records import Context

LONGEST_TEXT = 200
_LONGEST_NAME = 255


@dataclass(frozen=True)
class Trigger:
    """One image to inspect: a file's content, or uint8 `[H, W, 3]` RGB.

    With a `key` the sender may repeat the request: an image is inspected once by key.

    Raises:
        BadRequest: the key or a field of the context is too long, or holds control characters.
    """

    image: bytes | Pixels = field(repr=False, compare=False)
    name: str = ""
    context: Context = field(default_factory=Context)
    key: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", _plain_name(self.name))
        object.__setattr__(self, "context", checked_context(self.context))
        if self.key is not None:
            key = checked_text("the idempotency key", self.key)
            if key is None:
                raise BadRequest("the idempotency key is empty: send one, or none at all")
            object.__setattr__(self, "key", key)


def checked_context(context: Context) -> Context:
    """Return a context without blanks around its values; empty ones become None.

    Raises:
        BadRequest: a value is too long, or holds control characters.
    """
    found = {f.name: checked_text(f.name, getattr(context, f.name)) for f in fields(Context)}
    return Context(**found)


def checked_text(what: str, text: str | None, longest: int = LONGEST_TEXT) -> str | None:
    """Return a short text without blanks around it, None where nothing is left.

    Raises:
        BadRequest: it is too long, or holds control characters.
    """
    if text is None:
        return None
    if not _is_printable(text):
        raise BadRequest(f"{what} holds control characters: send plain text of one line")
    text = text.strip()
    if len(text) > longest:
        raise BadRequest(f"{what} has {len(text)} characters: at most {longest} are kept")
    return text or None


def _is_printable(text: str) -> bool:
    """Tell whether nothing in `text` is a control, a format character, a surrogate or unassigned.

    Format characters (Cf) turn the direction of what is shown after them.
    """
    return (text.isascii() and text.isprintable()) or not any(
        unicodedata.category(c) in ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp") for c in text
    )


def _plain_name(name: str) -> str:
    """Return the end of a file's name as its sender has it, for people only."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(c if _is_printable(c) else "?" for c in last)[-_LONGEST_NAME:]
