"""Ask a process of its own what can be trained: detectors that are learned import PyTorch."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

from okng.domain.errors import Unavailable

COMMAND = (sys.executable, "-m", "okng.interfaces.cli.app", "detectors", "--json")

_SECONDS = 120


class DetectorProcess:
    """Runs `okng detectors`, once; what it said is kept while the service runs."""

    def __init__(self, environment: Mapping[str, str], command: Sequence[str] = COMMAND) -> None:
        self._environment = environment
        self._command = command
        self._lock = Lock()
        self._cards: list[Any] | None = None

    def cards(self) -> Sequence[Any]:
        """Return the detectors as `okng.domain.detector_card` has them, as plain values.

        Raises:
            Unavailable: the process did not answer.
        """
        with self._lock:
            if self._cards is None:
                self._cards = self._ask()
            return self._cards

    def _ask(self) -> list[Any]:
        try:
            done = subprocess.run(
                self._command,
                env=dict(self._environment),
                capture_output=True,
                check=True,
                timeout=_SECONDS,
            )
            found: list[Any] = json.loads(done.stdout)["detectors"]
        except (OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
            raise Unavailable(f"what can be trained could not be asked: {error}") from error
        return found
