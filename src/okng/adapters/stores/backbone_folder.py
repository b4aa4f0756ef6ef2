"""Backbones of the user's own: `NAME.onnx` + `NAME.json` in one folder."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from okng.adapters.stores.durable_files import replace_file, writing
from okng.adapters.stores.file_lock import locked
from okng.domain.errors import BadSetting, Conflict, NotFound

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")


class BackboneFolder:
    """Keeps backbones under `root`; several processes may use one at the same time."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def check_free(self, name: str) -> None:
        """Refuse a name that cannot be one, or is taken.

        Raises:
            BadSetting: no backbone can be called so.
            Conflict: there is one already.
        """
        if not _NAME.fullmatch(name):
            raise BadSetting(
                f"{name[:100]!r} cannot be a backbone: names have 1 to 64 of a-z, 0-9, '-', '_' "
                "and '.', and begin with a letter or digit"
            )
        if self._card(name).exists():
            raise Conflict(f"there is a backbone {name} already: okng backbone remove {name}")

    def add(self, name: str, graph: bytes, card: Mapping[str, object]) -> Path:
        """Store a backbone and return where its graph is; it appears whole or not at all.

        Raises:
            BadSetting: the name is impossible, or the folder cannot be written.
            Conflict: there is one already.
        """
        with writing(self._root):
            self._root.mkdir(parents=True, exist_ok=True)
            with locked(self._root / ".lock"):
                self.check_free(name)
                # The card last: without it the graph is not there for anybody.
                replace_file(self._graph(name), graph)
                text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
                replace_file(self._card(name), text.encode())
        return self._graph(name)

    def remove(self, name: str) -> None:
        """Delete a backbone; models that were made with it hold it themselves.

        Raises:
            NotFound: the user has added none of this name.
        """
        if not _NAME.fullmatch(name) or not self._card(name).exists():
            raise NotFound(f"no backbone {name[:100]!r} was added: okng backbone list")
        with writing(self._root), locked(self._root / ".lock"):
            self._card(name).unlink(missing_ok=True)
            self._graph(name).unlink(missing_ok=True)

    def _card(self, name: str) -> Path:
        return self._root / f"{name}.json"

    def _graph(self, name: str) -> Path:
        return self._root / f"{name}.onnx"
