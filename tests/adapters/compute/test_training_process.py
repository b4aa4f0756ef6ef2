import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from okng.adapters.compute.training_process import COMMAND, TrainingProcess
from okng.adapters.stores.model_folder import FolderModelStore
from okng.domain.compute_ports import TrainingTask
from okng.domain.errors import TrainingFailed
from okng.domain.records import Job, JobState
from okng.interfaces.cli.exit_codes import ExitCode
from okng.testing.images import good_parts, save, write_folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="looks at processes as POSIX has")

QUICK: dict[str, object] = {"size": [64, 64], "config": {"bank_size": 64}}


class Heard:
    """Takes down what is said; `reacts` is called with each progress."""

    def __init__(self, reacts: Callable[["Heard"], None] = lambda heard: None) -> None:
        self.stages: list[tuple[str, int, int]] = []
        self.lines: list[str] = []
        self.wanted = True
        self._reacts = reacts

    def progress(self, stage: str, done: int, total: int) -> None:
        self.stages.append((stage, done, total))
        self._reacts(self)

    def learned(self, stage: str, epoch: int, figures: Mapping[str, float]) -> None:
        pass

    def log(self, line: str) -> None:
        self.lines.append(line)

    def is_wanted(self) -> bool:
        return self.wanted


def task(folder: Path, **options: object) -> TrainingTask:
    values = {**QUICK, **options}
    now = datetime.now(UTC)
    job = Job("j", "flange", "d", values, JobState.RUNNING, "eva", now)
    return TrainingTask(job, folder, folder)


def children() -> list[int]:
    """Return the processes that this one has started and not yet seen the end of."""
    own = str(os.getpid())
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[1] == own and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def process(home: Path) -> TrainingProcess:
    return TrainingProcess({"home": str(home), "runtime": "onnxruntime"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("set") / "flange", good=8, size=64)


def test_a_training(process: TrainingProcess, folder: Path, home: Path) -> None:
    """The model lands in the store, and every stage's progress comes up to its total."""
    heard = Heard()
    assert process.train(task(folder), heard) == "flange-1"
    assert FolderModelStore(home / "models").load("flange-1").manifest.view.width == 64
    last = {stage: (done, total) for stage, done, total in heard.stages}
    assert last["read"] == (8, 8)
    assert {"read", "features", "parity"} <= set(last)
    assert all(done == total for done, total in last.values())
    assert any("8 good images" in line for line in heard.lines)
    assert any("flange-1 is ready" in line for line in heard.lines)
    assert any("of good parts" in line for line in heard.lines)


def test_what_cannot_be_trained(process: TrainingProcess, tmp_path: Path) -> None:
    """The reason of a failure is okng's own message, not an exit code."""
    lonely = write_folder(tmp_path / "lonely", good=1, size=64)
    with pytest.raises(TrainingFailed, match="bank_sise"):
        process.train(task(lonely, config={"bank_sise": 3}), Heard())


def test_nothing_outside_of_the_dataset_is_read(
    process: TrainingProcess, folder: Path, tmp_path: Path
) -> None:
    """A list that names images elsewhere is refused in the training too."""
    inner = tmp_path / "inner"
    inner.mkdir()
    outside = next(folder.rglob("*.png"))
    (inner / "list.csv").write_text(f"path,label\n{outside},good\n")
    now = datetime.now(UTC)
    job = Job("j", "flange", "d", QUICK, JobState.RUNNING, "eva", now)
    with pytest.raises(TrainingFailed, match="leads out of"):
        process.train(TrainingTask(job, inner / "list.csv", inner), Heard())


def test_unrelated_pictures_come_from_folders_that_are_allowed(
    folder: Path, home: Path, tmp_path: Path
) -> None:
    """A setting can name pictures below an allowed folder; what lies elsewhere is nobody's."""
    allowed = tmp_path / "allowed"
    save(allowed / "streets", good_parts(3, 40))
    process = TrainingProcess(
        {"home": str(home), "runtime": "onnxruntime", "dataset_roots": [str(allowed)]}
    )
    short = {"epochs": 1, "steps": 1, "strange": 4, "teacher_epochs": 1, "width": 4}

    def job(unrelated: Path) -> TrainingTask:
        return task(folder, detector="student", config={**short, "unrelated": str(unrelated)})

    heard = Heard()
    assert process.train(job(allowed / "streets"), heard) == "flange-1"
    assert "learned from 3 unrelated pictures besides" in heard.lines
    for elsewhere in (folder, tmp_path / "nothing"):
        with pytest.raises(TrainingFailed, match="OKNG_DATASET_ROOTS"):
            process.train(job(elsewhere), Heard())


def test_a_training_not_wanted_ends_with_its_process(
    process: TrainingProcess, folder: Path, home: Path
) -> None:
    """Cancelling kills the process at once; no model appears."""
    before = set(children())

    def cancel(heard: Heard) -> None:
        heard.wanted = False

    asked = time.monotonic()
    assert process.train(task(folder), Heard(cancel)) is None
    assert time.monotonic() - asked < 10
    assert set(children()) == before
    assert FolderModelStore(home / "models").products() == ()


def test_a_killed_training_says_so(process: TrainingProcess, folder: Path) -> None:
    """A process that the system kills is a failure with a likely reason."""
    before = set(children())

    def kill(heard: Heard) -> None:
        for child in set(children()) - before:
            os.kill(child, signal.SIGKILL)

    with pytest.raises(TrainingFailed, match=r"killed \(SIGKILL\).*memory"):
        process.train(task(folder), Heard(kill))


def test_a_crash_shows_the_last_words(folder: Path) -> None:
    """What a crashing process says last is in the log and in the error."""
    words = "import sys; print('{\"note\": \"begun\"}'); sys.exit('out of luck')"
    heard = Heard()
    with pytest.raises(TrainingFailed, match="code 1: out of luck"):
        TrainingProcess({}, [sys.executable, "-c", words]).train(task(folder), heard)
    assert sorted(heard.lines) == ["begun", "out of luck"]  # two outputs: in no certain order


def test_a_program_that_is_not_there(folder: Path) -> None:
    """Where no process can be started, that is the error."""
    with pytest.raises(TrainingFailed, match="no process could be started"):
        TrainingProcess({}, ["/nowhere/python"]).train(task(folder), Heard())


def test_a_flood_of_words_is_no_trap(folder: Path) -> None:
    """A process that floods both outputs can still be stopped, and leaves no thread behind."""
    flood = "import sys\nwhile 1: print('x' * 100); print('y' * 100, file=sys.stderr)"
    heard = Heard()
    threading.Timer(0.3, lambda: setattr(heard, "wanted", False)).start()
    assert TrainingProcess({}, [sys.executable, "-c", flood]).train(task(folder), heard) is None
    until = time.monotonic() + 5
    while any("_read" in thread.name for thread in threading.enumerate()):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_the_training_dies_with_its_service(folder: Path, home: Path, tmp_path: Path) -> None:
    """Where the service is killed (kill -9), the training ends by itself and stores nothing."""
    service = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from datetime import UTC, datetime\n"
        "from okng.adapters.compute.training_process import TrainingProcess\n"
        "from okng.domain.compute_ports import TrainingTask\n"
        "from okng.domain.records import Job, JobState\n"
        "class Listener:\n"
        "    def progress(self, stage, done, total): os.kill(os.getpid(), 9)\n"
        "    def log(self, line): pass\n"
        "    def is_wanted(self):\n"
        "        for stat in Path('/proc').glob('[0-9]*/stat'):\n"
        "            try: fields = stat.read_text().rpartition(')')[2].split()\n"
        "            except OSError: continue\n"
        "            if fields[1] == str(os.getpid()):\n"
        f"                Path({str(tmp_path / 'pid')!r}).write_text(stat.parent.name)\n"
        "        return True\n"
        f"job = Job('j', 'flange', 'd', {QUICK!r}, JobState.RUNNING, 'eva', datetime.now(UTC))\n"
        f"place = Path({str(folder)!r})\n"
        f"settings = {{'home': {str(home)!r}, 'runtime': 'onnxruntime'}}\n"
        "TrainingProcess(settings).train(TrainingTask(job, place, place), Listener())\n"
    )
    pid = os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", service])
    assert pid == -signal.SIGKILL
    training = int((tmp_path / "pid").read_text())
    until = time.monotonic() + 5
    while Path(f"/proc/{training}").exists():
        assert time.monotonic() < until, "the training outlived its service"
        time.sleep(0.02)
    assert FolderModelStore(home / "models").products() == ()


def test_the_end_of_its_input_ends_a_training(folder: Path, home: Path, tmp_path: Path) -> None:
    """A training whose service is gone ends even while it says nothing."""
    request = {
        "folder": str(folder),
        "within": str(folder),
        "product": "flange",
        "options": QUICK,
        "settings": {"home": str(home), "runtime": "onnxruntime"},
    }
    said = tmp_path / "said"
    with said.open("wb") as out:
        training = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=out, stderr=out)
    assert training.stdin is not None
    training.stdin.write(json.dumps(request).encode() + b"\n")
    training.stdin.flush()
    until = time.monotonic() + 20
    while b"progress" not in said.read_bytes():
        assert time.monotonic() < until
        time.sleep(0.005)
    training.stdin.close()
    assert training.wait(10) == ExitCode.INTERRUPTED
    assert FolderModelStore(home / "models").products() == ()
