"""Results that are soon made again, as JSON files: one for each thing that they are about."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from okng.adapters.stores.durable_files import replace_file


class ResultFolder:
    """Keeps the newest result of each thing, under its name; names must hold no separators.

    `parts` are the keys without which a file is no result.
    """

    def __init__(self, folder: Path, parts: frozenset[str]) -> None:
        self._folder = folder
        self._parts = parts

    def put(self, name: str, content: Mapping[str, Any]) -> None:
        """Keep a result in the place of an older one."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(self._file(name), json.dumps(content).encode())

    def get(self, name: str) -> Mapping[str, Any] | None:
        """Return a result, None where there is none or it is damaged: another is soon made."""
        try:
            content = json.loads(self._file(name).read_bytes())
        except (OSError, ValueError):
            return None
        return content if isinstance(content, dict) and self._parts <= set(content) else None

    def remove(self, name: str) -> None:
        """Forget a result; that there is none is as well."""
        self._file(name).unlink(missing_ok=True)

    def all(self) -> Mapping[str, Mapping[str, Any]]:
        """Return every whole result by its name, the oldest first."""
        files = [(path.stat().st_mtime_ns, path.stem) for path in self._folder.glob("*.json")]
        found = {name: self.get(name) for _, name in sorted(files)}
        return {name: content for name, content in found.items() if content is not None}

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.json"
