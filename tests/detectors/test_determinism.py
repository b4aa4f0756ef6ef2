"""The same images give the same graph, whatever the number of cores."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from okng import plugins

TRAIN = """
import hashlib, sys
from okng import plugins
from okng.domain.ports import silent
from okng.testing.images import ArrayImages, good_part
on = plugins.load("runtime", "onnxruntime")
detector = plugins.load("detector", sys.argv[1])
runtime = on(on.Config())
images = ArrayImages([good_part(i, 128) for i in range(24)])
trained = detector(detector.Config(), runtime).train(images, [0, 1] * 12, silent)
print(hashlib.sha256(trained.graph + trained.cross_fitted.tobytes()).hexdigest())
"""


@pytest.mark.parametrize("name", plugins.names("detector"))
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
