"""The ways to name a model: `bottle`, `bottle-3`, `bottle@3`, `bottle@champion`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from okng.domain.errors import BadSetting, NotFound
from okng.domain.product import is_product_name

NEWEST = "newest"

_REFERENCE = re.compile(r"(?P<product>[^@]*?)(?:-(?P<version>[1-9]\d{0,8})|@(?P<alias>[^@]+))?")
_ALIAS = re.compile(r"[a-z][a-z0-9_-]{0,31}")


@dataclass(frozen=True)
class Reference:
    """What a reference says; `version` and `alias` are None where it is a product alone."""

    product: str
    version: int | None = None
    alias: str | None = None


def parse_reference(text: str) -> Reference:
    """Take a reference apart. No product's name ends in -digits, so there is one way only.

    Raises:
        NotFound: nothing can have this name.
    """
    match = _REFERENCE.fullmatch(text.strip().lower())
    if match is None or not is_product_name(match["product"]):
        raise NotFound(
            f"{text[:100]!r} cannot be a model: write PRODUCT, PRODUCT-3 (version 3) or "
            "PRODUCT@champion (`okng models list` shows what there is)"
        )
    alias, version = match["alias"], match["version"]
    if alias is not None and re.fullmatch(r"[1-9]\d{0,8}", alias):
        alias, version = None, alias
    return Reference(match["product"], int(version) if version else None, alias)


def check_alias(alias: str) -> None:
    """Raise BadSetting unless `alias` can be one."""
    if not _ALIAS.fullmatch(alias) or alias == NEWEST:
        raise BadSetting(
            f"{alias[:60]!r} cannot be an alias: use up to 32 of a-z, 0-9, '-' and '_', starting "
            f"with a letter ('{NEWEST}' is taken)"
        )


def listed(names: Iterable[str]) -> str:
    """Return names for a message, at most 20 of them."""
    every = list(names)
    return ", ".join(every[:20]) + (", ..." if len(every) > 20 else "") if every else "none"
