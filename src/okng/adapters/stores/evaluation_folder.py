"""Evaluations as two files each, a page and the same as JSON: `<model>/<dataset>.html`, `.json`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from okng.adapters.stores.durable_files import replace_file, writing


class Kept(Protocol):
    """What is kept of an evaluation."""

    @property
    def html(self) -> str: ...

    @property
    def result(self) -> Mapping[str, Any]: ...

    @property
    def paths(self) -> Sequence[str]: ...


class EvaluationFolder:
    """Keeps the newest evaluation of each model on each dataset; names have no separators."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, model: str, dataset_id: str, measured: Kept) -> None:
        """Keep an evaluation in the place of an older one; the figures come last and count."""
        page = self._file(model, dataset_id, ".html")
        content = {"result": measured.result, "paths": list(measured.paths)}
        with writing(page.parent):
            page.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace_file(page, measured.html.encode())
            replace_file(page.with_suffix(".json"), json.dumps(content).encode())

    def page(self, model: str, dataset_id: str) -> bytes | None:
        """Return the page; None where there is none."""
        try:
            return self._file(model, dataset_id, ".html").read_bytes()
        except OSError:
            return None

    def result(self, model: str, dataset_id: str) -> Mapping[str, Any] | None:
        """Return `result` and `paths`; None where there are none, or they are damaged."""
        try:
            content = json.loads(self._file(model, dataset_id, ".json").read_bytes())
        except (OSError, ValueError):
            return None
        is_whole = isinstance(content, dict) and {"result", "paths"} <= set(content)
        return content if is_whole else None

    def _file(self, model: str, dataset_id: str, suffix: str) -> Path:
        return self._folder / model / f"{dataset_id}{suffix}"
