"""The aliases of a product's models, and what they named before: small JSON files.

aliases.json        {"champion": 3}
alias_history.json  {"champion": [1, 2]}, what it named before, oldest first
"""

import json
from collections.abc import Collection
from pathlib import Path

from okng.adapters.stores.durable_files import read_limited, replace_file, writing
from okng.domain.errors import BadModel

ALIASES = "aliases.json"
HISTORY = "alias_history.json"
_LONGEST_HISTORY = 100
_LARGEST = 1 << 20


def read_aliases(product: Path) -> dict[str, int]:
    """Return version by alias; empty where nobody has promoted anything.

    Raises:
        BadModel: the file is damaged. Choosing a model without it would be a guess.
    """
    path = product / ALIASES
    if not path.exists():
        return {}
    damaged = f"the aliases of {product.name} are damaged: delete {path}, then promote again"
    try:
        values = json.loads(read_limited(path, _LARGEST, product.name))
    except (ValueError, RecursionError) as error:
        raise BadModel(damaged) from error
    if not isinstance(values, dict) or not all(type(v) is int for v in values.values()):
        raise BadModel(damaged)
    return values


def read_history(product: Path) -> dict[str, list[int]]:
    """Return the versions that each alias named before, oldest first; empty where unknown.

    A damaged file is no more than forgotten: nothing is chosen by it but a roll-back.
    """
    path = product / HISTORY
    if not path.exists():
        return {}
    try:
        values = json.loads(read_limited(path, _LARGEST, product.name))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(values, dict):
        return {}
    return {
        alias: past
        for alias, past in values.items()
        if isinstance(past, list) and all(type(version) is int for version in past)
    }


def move_alias(product: Path, alias: str, version: int) -> None:
    """Let an alias name a version, and remember what it named; the caller is `changing`."""
    aliases, history = read_aliases(product), read_history(product)
    before = aliases.get(alias)
    if before is not None and before != version:
        history[alias] = [*history.get(alias, []), before][-_LONGEST_HISTORY:]
        _write(product / HISTORY, history)
    write_aliases(product, aliases | {alias: version})


def move_alias_back(product: Path, alias: str, there: Collection[int]) -> int | None:
    """Let an alias name what it named before, of the versions that are there; the caller is
    `changing`.

    Returns:
        The version, or None where there is none.
    """
    aliases, history = read_aliases(product), read_history(product)
    past = history.get(alias, [])
    while past and (past[-1] not in there or past[-1] == aliases.get(alias)):
        past.pop()
    if not past:
        return None
    version = past.pop()
    write_aliases(product, aliases | {alias: version})
    _write(product / HISTORY, history)
    return version


def write_aliases(product: Path, aliases: dict[str, int]) -> None:
    """Replace the aliases; the caller is `changing` the product."""
    _write(product / ALIASES, aliases)


def _write(path: Path, values: object) -> None:
    data = json.dumps(values, indent=2, sort_keys=True).encode() + b"\n"
    with writing(path.parent):
        replace_file(path, data)
