"""Steps that change a picture, declared as short texts: `grey`, `clahe=2`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite

from okng.domain.errors import BadSetting


@dataclass(frozen=True)
class Kind:
    """What a step may be: its amount is above `above` and at most `most`, `usual` unless given.

    A step without an amount has none of the three.
    """

    meaning: str
    above: float | None = None
    most: float | None = None
    usual: float | None = None


@dataclass(frozen=True)
class Step:
    """One step by name, with how much of it."""

    name: str
    amount: float | None = None

    def __str__(self) -> str:
        return self.name if self.amount is None else f"{self.name}={self.amount:g}"


def parse_steps(texts: Iterable[str], kinds: Mapping[str, Kind], what: str) -> tuple[Step, ...]:
    """Read steps in their order, as in `["grey", "clahe=2"]`; `what` names them in errors.

    Raises:
        BadSetting: a step is unknown, is there twice, or its amount is out of bounds.
    """
    steps = tuple(_parsed(text.strip(), kinds, what) for text in texts)
    names = [step.name for step in steps]
    if twice := [name for name in names if names.count(name) > 1]:
        raise BadSetting(f"{what}: {twice[0]} is there twice; once is all it can be")
    return steps


def _parsed(text: str, kinds: Mapping[str, Kind], what: str) -> Step:
    name, equals, number = (part.strip() for part in text.partition("="))
    if (kind := kinds.get(name)) is None:
        known = ", ".join(kinds)
        raise BadSetting(f"{what}: there is no {name[:100]!r}; there is {known}")
    if kind.usual is None:
        if equals:
            raise BadSetting(f"{what}: {name} takes no number: write {name} alone")
        return Step(name)
    try:
        amount = float(number if equals else kind.usual)
    except ValueError:
        amount = float("nan")
    step = Step(name, amount)
    if fault := amount_fault(step, kind):
        raise BadSetting(f"{what}: {name}={number[:100]}: {fault}, as in {name}={kind.usual:g}")
    return step


def amount_fault(step: Step, kind: Kind) -> str | None:
    """Say what is wrong with a step's amount; None: nothing."""
    amount, above, most = step.amount, kind.above, kind.most
    if above is None or most is None:
        return None if amount is None else "it takes no number"
    if amount is None or not isfinite(amount) or not above < amount <= most:
        return f"the number must be above {above:g} and at most {most:g}"
    return None
