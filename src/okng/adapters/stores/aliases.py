"""The aliases of a product's models: a small JSON file, `{"champion": 3}`."""

import json
from pathlib import Path

from okng.adapters.stores.durable_files import read_limited, replace_file, writing
from okng.domain.errors import BadModel

ALIASES = "aliases.json"
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


def write_aliases(product: Path, aliases: dict[str, int]) -> None:
    """Replace the aliases; the caller is `changing` the product."""
    data = json.dumps(aliases, indent=2, sort_keys=True).encode() + b"\n"
    with writing(product):
        replace_file(product / ALIASES, data)
