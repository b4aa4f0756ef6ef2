"""What is installed with okng, in bytes, and how long its command line takes to answer.

    python -m benchmarks.install

Counts the files that the installed distributions list as theirs, bytecode included, each once:
those that okng needs, and those that OpenVINO adds. Python itself and pip are not counted.
"""

import re
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path
from statistics import median
from time import perf_counter

from packaging.requirements import Requirement

import okng
from benchmarks.setting import table

RUNS = 15


def main() -> None:
    """Measure and print."""
    rows = [
        ["okng", f"{installed_bytes('okng') / 1e6:.0f}"],
        ["okng[openvino]", f"{installed_bytes('okng', ['openvino']) / 1e6:.0f}"],
    ]
    table("Installed size", ["what", "MB"], rows)
    command = str(Path(sys.executable).with_name("okng"))
    version, bare = _seconds(command, "--version"), _seconds(sys.executable, "-c", "pass")
    row = [f"{1000 * version:.0f}", f"{1000 * bare:.0f}", f"{version / bare:.1f}"]
    table(f"Start, median of {RUNS}", ["`okng --version` ms", "bare Python ms", "ratio"], [row])


def installed_bytes(name: str, extras: Iterable[str] = ()) -> int:
    """Return the size of a distribution's files and of all that it needs.

    okng's own code is measured where it lies, for it may be installed in place.
    """
    needed = needed_distributions(name, extras)
    own = sum(p.stat().st_size for p in Path(okng.__file__).parent.rglob("*") if p.is_file())
    return own + sum(_bytes_of(one) for one in needed - {"okng"})


def needed_distributions(name: str, extras: Iterable[str] = ()) -> set[str]:
    """Return the names of a distribution and of all that it needs here, in their plain spelling."""
    found: set[str] = set()
    waiting = [(name, frozenset(extras))]
    while waiting:
        of, chosen = waiting.pop()
        found.add(_plain(of))
        for text in distribution(of).requires or ():
            wanted = Requirement(text)
            marker = wanted.marker
            if marker and not any(marker.evaluate({"extra": e}) for e in chosen or {""}):
                continue
            if _plain(wanted.name) not in found or wanted.extras:
                waiting.append((wanted.name, frozenset(wanted.extras)))
    return found


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _bytes_of(name: str) -> int:
    files = (Path(file.locate()) for file in distribution(name).files or ())
    return sum(file.stat().st_size for file in files if file.is_file())


def _seconds(*arguments: str) -> float:
    """Return the median time that a command takes, after one that fills the caches."""
    times = []
    for _ in range(RUNS + 1):
        start = perf_counter()
        subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
        times.append(perf_counter() - start)
    return median(times[1:])


if __name__ == "__main__":
    main()
