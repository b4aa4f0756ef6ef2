"""Results that outlive a run: one JSON line each, so that a longer run goes on where one ended."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "build" / "benchmarks"
"""Where results and what is expensive to make are kept; a clean checkout starts anew."""


class Kept:
    """Records by key in a file that only grows; a line that was cut off is passed over."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self.records: dict[str, dict[str, Any]] = {}
        if file.exists():
            for line in file.read_text("utf-8").splitlines():
                try:
                    record = json.loads(line)
                except json.JSONDecodeError:
                    continue
                self.records[record.pop("key")] = record

    def __contains__(self, key: str) -> bool:
        return key in self.records

    def add(self, key: str, record: dict[str, Any]) -> None:
        """Write a record at once."""
        self.records[key] = record
        with self._file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"key": key, **record}) + "\n")

    def under(self, prefix: str) -> list[dict[str, Any]]:
        """Return the records whose keys begin so, in the order in which they came."""
        return [record for key, record in self.records.items() if key.startswith(prefix)]
