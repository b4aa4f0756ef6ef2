"""The same images give the same graph, whatever the number of cores."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

TRAIN = """
import hashlib, sys
from okng import plugins
from okng.domain.ports import Truth, silent
from okng.testing.images import ArrayImages, good_part, with_defect
on = plugins.load("runtime", "onnxruntime")
detector = plugins.load("detector", sys.argv[1])
runtime = on(on.Config())
detector, folds = detector(detector.Config(), runtime), [0, 1] * 12
parts = [good_part(i, 128) for i in range(24)]
if sys.argv[1] == "probe":
    parts = [with_defect(part) if i % 4 > 1 else part for i, part in enumerate(parts)]
    truth = Truth(("good", "dark"), [i % 4 // 2 for i in range(24)], range(24))
    trained = detector.train_labelled(ArrayImages(parts), truth, folds, silent)
else:
    trained = detector.train(ArrayImages(parts), folds, silent)
print(hashlib.sha256(trained.graph + trained.cross_fitted.tobytes()).hexdigest())
"""


@pytest.mark.parametrize("name", ["memory", "gaussian", "fusion", "probe"])
def test_threads_change_nothing(name: str, tmp_path: Path) -> None:
    """With one BLAS thread and with four, graph and cross-fitted scores are equal to the byte."""
    found = set()
    for threads in ("1", "4"):
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        done = subprocess.run(
            [sys.executable, "-c", TRAIN, name],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        found.add(done.stdout.strip())
    (digest,) = found
    assert len(digest) == len(hashlib.sha256().hexdigest())
