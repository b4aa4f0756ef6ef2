"""Every text that a page shows: one file for each language, in `texts/`.

A file is TOML; `inspect.start` is the key of `start` in the table `[inspect]`. `{name}` stands for
a value. A text that counts is a table: `images = { one = "1 image", other = "{count} images" }`.
A key that a translation lacks is shown in English.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "texts"
ENGLISH = "en"

_VALUE = re.compile(r"\{(\w+)\}")
_LANGUAGE = re.compile(r"\s*([a-z]{2,3})\b", re.IGNORECASE)


@dataclass(frozen=True)
class Catalogue:
    """The texts of one language, by key."""

    language: str
    texts: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """Return a text with its values filled in; `count` also chooses between one and other.

        Raises:
            KeyError: there is no such text, or it needs a value that is not given.
        """
        form = f"{key}.{'one' if values.get('count') == 1 else 'other'}"
        text = self.texts[form if "count" in values and form in self.texts else key]
        return _VALUE.sub(lambda match: str(values[match[1]]), text)

    def has(self, key: str) -> bool:
        """Tell whether there is such a text."""
        return key in self.texts

    def of(self, *tables: str) -> dict[str, str]:
        """Return the texts of some tables, for the modules of a page."""
        return {key: text for key, text in self.texts.items() if key.partition(".")[0] in tables}


@cache
def languages() -> tuple[str, ...]:
    """Return what there are texts in."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


@cache
def catalogue(language: str = ENGLISH) -> Catalogue:
    """Return the texts of one of the `languages`."""
    return Catalogue(language, _read(ENGLISH) | _read(language))


def preferred(accepted: str) -> Catalogue:
    """Return the texts that a browser's `Accept-Language` asks for first, else the English ones."""
    for wish in accepted[:500].split(","):
        match = _LANGUAGE.match(wish)
        if match and match[1].lower() in languages():
            return catalogue(match[1].lower())
    return catalogue()


def _read(language: str) -> dict[str, str]:
    return dict(_flat(tomllib.loads((FOLDER / f"{language}.toml").read_text("utf-8")), ""))


def _flat(table: Mapping[str, object], place: str) -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{place}{name}.")
        else:
            yield f"{place}{name}", str(value)
