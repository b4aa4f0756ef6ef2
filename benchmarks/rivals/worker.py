"""A side in a process of its own, in its own environment."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.rivals.environments import PROJECT
from benchmarks.rivals.protocol import Answer, one_thread

_LAST_LINES = 30


class Worker:
    """Is asked one thing at a time."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self._process = process
        self._log = log

    def ask(self, verb: str, **question: Any) -> Answer:
        """Return the answer.

        Raises:
            SystemExit: the process ended instead; with what it said last.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"verb": verb, **question}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            said = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
            raise SystemExit("\n".join(said[-_LAST_LINES:]) + f"\n{self._process.args} gave up")
        answer: Answer = json.loads(line)
        return answer


@contextmanager
def worker(
    python: Path, side: str, environment: Mapping[str, str] | None = None
) -> Iterator[Worker]:
    """Start `benchmarks.rivals.<side>` under that Python; it ends with the block."""
    with tempfile.TemporaryDirectory() as place:
        log = Path(place, "said.txt")
        with log.open("w", encoding="utf-8") as errors:
            process = subprocess.Popen(
                [str(python), "-m", f"benchmarks.rivals.{side}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
                cwd=PROJECT,
                env={
                    **os.environ,
                    **one_thread(),
                    "PYTHONPATH": str(PROJECT),
                    **(environment or {}),
                },
            )
        try:
            yield Worker(process, log)
        finally:
            _end(process)


def _end(process: "subprocess.Popen[str]") -> None:
    """Let the process end by itself: there are no more questions. Kill it if it stays."""
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    finally:
        process.stdout.close()
