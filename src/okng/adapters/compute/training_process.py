"""Train in a process of its own: it can be stopped, and cannot take the service with it."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, Any

from okng.domain.compute_ports import TrainingListener, TrainingTask
from okng.domain.errors import TrainingFailed

COMMAND = (sys.executable, "-m", "okng.interfaces.cli.training_job")

_POLL_SECONDS = 0.25
_TERM_SECONDS = 3.0
_LONGEST_LINE = 2000
_LONGEST_MESSAGE = 1 << 20


class TrainingProcess:
    """Runs `okng.interfaces.cli.training_job`, which is told its task on its standard input.

    That pipe stays open: when the service dies, however, the training reads its end and dies too.
    `settings` are the plain values that the training's process takes for its own.
    """

    def __init__(
        self,
        settings: Mapping[str, object],
        command: Sequence[str] = COMMAND,
        niceness: int = 10,
    ) -> None:
        self._settings = settings
        self._command = command
        self._niceness = niceness

    def train(self, task: TrainingTask, listener: TrainingListener) -> str | None:
        """Train in a new process group; see `okng.domain.compute_ports.TrainingCompute`."""
        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise TrainingFailed(f"no process could be started: {error.strerror}") from error
        try:
            _calm(process.pid, self._niceness)
            self._tell(process, task)
            return _follow(process, listener)
        finally:
            _end(process)

    def _tell(self, process: "subprocess.Popen[bytes]", task: TrainingTask) -> None:
        request = {
            "folder": str(task.folder),
            "within": str(task.within),
            "product": task.job.product,
            "options": dict(task.job.options),
            "settings": dict(self._settings),
        }
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it died at once: its exit code says why
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()


def _follow(process: "subprocess.Popen[bytes]", listener: TrainingListener) -> str | None:
    """Pass on what the process says until it ends; return the model's name."""
    said = _Lines(process)
    try:
        model, failure, last = None, None, ""
        while (line := said.next()) is not None:
            if not listener.is_wanted():
                return None
            message = _message(*line)
            if message is None:
                last = line[1] or last
                if line[1]:
                    listener.log(line[1])
            elif "progress" in message:
                stage, done, total = message["progress"]
                listener.progress(str(stage), int(done), int(total))
            elif "learned" in message:
                stage, epoch, figures = message["learned"]
                listener.learned(str(stage), int(epoch), figures)
            elif "note" in message:
                listener.log(str(message["note"]))
            else:
                model, failure = message.get("model", model), message.get("error", failure)
    finally:
        said.close()
    if model is not None:
        return str(model)
    raise TrainingFailed(str(failure) if failure else _why(process.wait(), last))


class _Lines:
    """What a process says on both its outputs, in about the order in which it says it."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self._said: queue.Queue[tuple[str, str] | None] = queue.Queue(maxsize=1000)
        self._closed = threading.Event()
        streams = (("out", process.stdout), ("err", process.stderr))
        self._open = len(streams)
        for stream in streams:
            threading.Thread(target=self._read, args=stream, daemon=True).start()

    def next(self) -> tuple[str, str] | None:
        """Return a stream's name and a line; an empty line now and then; None at the end."""
        while self._open:
            try:
                line = self._said.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                return "err", ""
            if line is not None:
                return line
            self._open -= 1
        return None

    def close(self) -> None:
        """Let the reading threads end, though nobody takes what they read."""
        self._closed.set()

    def _read(self, name: str, stream: IO[bytes]) -> None:
        with stream:
            while data := stream.readline(_LONGEST_MESSAGE):
                text = data.decode("utf-8", "replace").rstrip()
                if text:
                    self._put((name, text if name == "out" else text[:_LONGEST_LINE]))
        self._put(None)

    def _put(self, line: tuple[str, str] | None) -> None:
        while not self._closed.is_set():
            try:
                self._said.put(line, timeout=_POLL_SECONDS)
            except queue.Full:
                continue
            return


def _message(stream: str, line: str) -> Mapping[str, Any] | None:
    """Return what the training says to us; None where the line is for people."""
    if stream != "out":
        return None
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


def _why(code: int, last: str) -> str:
    if code < 0:
        name = signal.Signals(-code).name if -code in list(signal.Signals) else str(-code)
        return (
            f"the training's process was killed ({name}): there may not have been enough memory; "
            "take fewer images or a smaller size"
        )
    return f"the training's process ended with code {code}" + (f": {last[:300]}" if last else "")


def _calm(pid: int, niceness: int) -> None:
    """Let inspections go before."""
    if sys.platform != "win32":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, pid, niceness)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Make sure that the process and whatever it started are gone."""
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.close()
    for hard in (False, True):
        if process.poll() is None:
            _signal(process, hard)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_TERM_SECONDS)
    process.wait()


def _signal(process: "subprocess.Popen[bytes]", hard: bool) -> None:
    if sys.platform == "win32":
        process.kill()
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL if hard else signal.SIGTERM)
