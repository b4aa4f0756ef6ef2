import json
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.scale import slope

from okng.testing.images import good_parts, save


def test_slope_is_the_exponent() -> None:
    """y = 3 x^1.5 has the slope 1.5, whatever the factor."""
    assert slope([(x, 3 * x**1.5) for x in (10.0, 100.0, 5000.0)]) == pytest.approx(1.5)


def test_one_training_is_measured_in_a_process_of_its_own(tmp_path: Path) -> None:
    """The child trains on the folder's images and says time, memory, latency and bank."""
    save(tmp_path / "good", good_parts(5, 64))
    command = [sys.executable, "-m", "benchmarks.scale", "--one", str(tmp_path), "--side", "64"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    record = json.loads(done.stdout.splitlines()[-1])
    assert record["bank"] % (5 * 16) == 0
    assert all(record[name] > 0 for name in ("train_s", "memory_mib", "latency_ms"))
