"""Train a learner on all images and, for cross-fitting, on all but each fold in turn."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

import numpy as np
import torch

from okng.domain.arrays import Floats
from okng.domain.learning import Checkpoints, Layer, LearningCurve
from okng.domain.ports import Images, Progress, Runtime, TakeMap, Trained, Truth, ignore_map
from okng.learning.saved_state import Saved
from okng.version import __version__


@dataclass(frozen=True)
class Learned:
    """A graph with the one signature, and how it came about; see `okng.domain.ports.Trained`."""

    graph: bytes = field(repr=False)
    facts: Mapping[str, float | int | str]
    curves: tuple[LearningCurve, ...] = ()
    notes: tuple[str, ...] = ()
    layers: tuple[Layer, ...] = ()


@dataclass
class Keeping:
    """Where the parts of one training keep how far they are, and which names they used."""

    checkpoints: Checkpoints
    of_what: str
    used: list[Saved] = field(default_factory=list)

    def saved(self, part: str) -> Saved:
        """Return where a part (the teacher, the student, ...) keeps its state."""
        found = Saved(self.checkpoints, f"{self.of_what}-{part}")
        self.used.append(found)
        return found


class Learner(Protocol):
    """Learns one graph."""

    def learn(
        self,
        images: Images,
        chosen: Sequence[int],
        keeping: Keeping,
        progress: Progress,
        which: str,
    ) -> Learned:
        """Learn from images, going on from what is kept.

        Args:
            images: all there are.
            chosen: which of them are learned.
            keeping: where each part of the work keeps its state.
            progress: is told how far it is.
            which: is put behind the names of stages: empty, or as `, 2 of 6`.
        """
        ...


@dataclass(frozen=True)
class Training:
    """All that a learner's trainings share; `of_what` names detector and settings."""

    learner: Learner
    of_what: Mapping[str, object]
    runtime: Runtime
    checkpoints: Checkpoints

    def train(
        self,
        images: Images,
        folds: Sequence[int] | None,
        progress: Progress,
        take_map: TakeMap = ignore_map,
    ) -> Trained:
        """Learn from all, cross-fit given folds; then what was kept on the way is let go."""
        digests = [sha256(images[i].tobytes()).digest() for i in range(len(images))]
        hidden = sha256(np.packbits(images.inspected).tobytes()).digest()
        kept: list[Saved] = []

        def learn(chosen: Sequence[int], told: Progress, which: str) -> Learned:
            name = self._name([digests[i] for i in chosen], hidden)
            keeping = Keeping(self.checkpoints, name)
            learned = self.learner.learn(images, chosen, keeping, told, which)
            kept.extend(keeping.used)
            return learned

        everyone = range(len(images))
        numbers = [] if folds is None else sorted(set(folds))
        count = 1 + len(numbers)
        which = [f", {i} of {count}" if numbers else "" for i in range(1, count + 1)]
        whole = learn(everyone, progress, which[0])
        scores = None if folds is None else np.full(len(images), np.nan)
        named: dict[int, Floats] = {}
        for fold, called in zip(numbers, which[1:], strict=True):
            assert folds is not None
            assert scores is not None
            rest = [i for i in everyone if folds[i] != fold] or list(everyone)
            session = self.runtime.load(learn(rest, progress, called).graph)
            for i in (i for i in everyone if folds[i] == fold):
                found = session.run({"image": images[i][None]})
                scores[i] = float(found["score"][0])
                take_map(i, found["anomaly_map"][0])
                if "class_scores" in found:
                    named[i] = found["class_scores"][0]
        for saved in kept:
            saved.forget()
        class_scores = np.stack([named[i] for i in everyone]) if named else None
        return Trained(
            whole.graph, scores, whole.facts, class_scores, whole.curves, whole.notes, whole.layers
        )

    def _name(self, digests: Sequence[bytes], hidden: bytes) -> str:
        """Return a name that only the same training has, on the same software."""
        said = json.dumps(self.of_what, sort_keys=True, default=str)
        said += f"{__version__} {torch.__version__} {torch.get_num_threads()}"
        return sha256(said.encode() + hidden + b"".join(digests)).hexdigest()[:32]


def validation_split(count: int, share: float, seed: int) -> tuple[list[int], list[int]]:
    """Return which of `count` examples are learned, and which show how well it goes.

    One alone does both.
    """
    order = np.random.default_rng([seed, count]).permutation(count).tolist()
    held = min(max(1, round(share * count)), count - 1)
    if held < 1:
        return order, order
    return sorted(order[held:]), sorted(order[:held])


def labels_digest(truth: Truth) -> str:
    """Return what only the same truth of the same images has."""
    said = json.dumps([truth.names, list(map(int, truth.labels)), list(map(int, truth.parts))])
    return sha256(said.encode()).hexdigest()
