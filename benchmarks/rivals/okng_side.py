"""okng's side: runs in an environment that holds okng and what it needs, nothing else."""

from pathlib import Path
from typing import Any

from benchmarks.rivals.protocol import THREADS, Answer, Clock, serve, timed
from okng import __version__
from okng.bootstrap import TrainingOptions, load, store, train
from okng.services.inspect import Inspector
from okng.settings import Settings


class Side:
    """Trains a model from a folder, and judges files with it."""

    def __init__(self) -> None:
        self._inspector: Inspector | None = None

    def train(self, folder: str, out: str, options: dict[str, Any]) -> Answer:
        """Train with defaults but for `options`: all of it, until the model is kept."""
        clock = Clock()
        training = train(
            Path(folder), "part", options=TrainingOptions(**options), settings=_at(out)
        )
        seconds, cpu_s = clock.read()
        files = store(_at(out)).load(training.model.name)
        return {"train_s": seconds, "train_cpu_s": cpu_s, "size_mib": len(files.graph) / 2**20}

    def load(self, out: str, runtime: str) -> Answer:
        """Get ready on `runtime`."""
        self._inspector = load("part", settings=_at(out, runtime))
        return {"versions": {"okng": __version__}}

    def time(self, files: list[str]) -> Answer:
        """Time each file's way to its verdict, with map and regions."""
        return timed(self._score, files)

    def _score(self, file: Path) -> float:
        assert self._inspector is not None
        inspection = self._inspector.inspect(file)
        if inspection.score is None or inspection.prediction is None:
            raise RuntimeError(f"{file}: {inspection.error}")
        return inspection.score


def _at(out: str, runtime: str = "auto") -> Settings:
    return Settings(home=Path(out), threads=THREADS, precision="f32", runtime=runtime)


if __name__ == "__main__":
    side = Side()
    serve({"train": side.train, "load": side.load, "time": side.time})
