"""Shares with their intervals."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Rate:
    """A share, with the two-sided 95 % Clopper-Pearson interval around it."""

    count: int
    total: int
    low: float
    high: float

    @property
    def value(self) -> float | None:
        """The share itself; None where there was nothing to count."""
        return self.count / self.total if self.total else None

    def record(self) -> dict[str, object]:
        return asdict(self) | {"value": self.value}
