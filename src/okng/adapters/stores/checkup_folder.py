"""Check-ups as JSON files, one for each dataset, named by its id."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from okng.adapters.stores.durable_files import replace_file


class CheckupFolder:
    """Keeps the newest check-up of each dataset; ids must be names without separators."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, dataset_id: str, content: Mapping[str, Any]) -> None:
        """Keep a result in the place of an older one."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(self._file(dataset_id), json.dumps(content).encode())

    def get(self, dataset_id: str) -> Mapping[str, Any] | None:
        """Return a result, None where there is none or it is damaged: another is soon made."""
        try:
            content = json.loads(self._file(dataset_id).read_bytes())
        except (OSError, ValueError):
            return None
        return (
            content
            if isinstance(content, dict) and {"diagnosis", "paths"} <= set(content)
            else None
        )

    def _file(self, dataset_id: str) -> Path:
        return self._folder / f"{dataset_id}.json"
