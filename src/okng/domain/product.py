"""What products, and the files that travel with their models, may be called."""

import re
import unicodedata

from okng.domain.errors import BadSetting

LONGEST_NAME = 64

_PRODUCT = re.compile(r"[a-z0-9](?:[a-z0-9_.-]*[a-z0-9_])?")
_VERSION_LIKE = re.compile(r"-(\d+)$")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)


def is_reserved(name: str) -> bool:
    """Tell whether Windows keeps this name, with any suffix, for a device."""
    return _RESERVED.fullmatch(name) is not None


def is_product_name(name: str) -> bool:
    """Tell whether `name` is already what `product_name` would make of it."""
    try:
        return product_name(name) == name
    except BadSetting:
        return False


def product_name(text: str) -> str:
    """Turn what somebody called a folder into a product's name.

    Lower-case ASCII letters, digits and `- _ .`; accents are dropped, anything else becomes `_`.
    It never ends in `-digits`, since `bottle-3` is version 3 of `bottle`: that hyphen becomes `_`.

    Raises:
        BadSetting: nothing usable would remain, or two products could end up with one name.
    """
    if "/" in text or "\\" in text:
        raise BadSetting(f"a product's name may not contain / or \\: {text!r}")
    plain = unicodedata.normalize("NFKD", text.casefold())
    letters = [c for c in plain if not unicodedata.combining(c)]
    if any(c.isalnum() and not c.isascii() for c in letters):
        raise BadSetting(
            f"{text!r} has letters that a product's name cannot hold: "
            "choose one of a-z, 0-9, '-', '_' and '.' (--product NAME)"
        )
    slug = re.sub(r"[^a-z0-9_.-]+", "_", "".join(letters)).lstrip("._-").rstrip(".-")
    slug = _VERSION_LIKE.sub(r"_\1", slug)
    if not _PRODUCT.fullmatch(slug):
        raise BadSetting(f"no product's name can be made of {text!r}: choose one (--product NAME)")
    if len(slug) > LONGEST_NAME:
        raise BadSetting(
            f"the product's name {slug[:20]}... has {len(slug)} characters, at most "
            f"{LONGEST_NAME} are possible: choose a shorter one (--product NAME)"
        )
    if is_reserved(slug):
        raise BadSetting(f"Windows reserves the name {slug!r}: choose another (--product NAME)")
    return slug
