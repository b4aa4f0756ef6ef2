"""Train for a service: `python -m okng.interfaces.cli.training_job`, not for people.

A JSON object on standard input says what to do. Standard output gets one JSON object a line:
{"progress": [stage, done, total]}, {"learned": [stage, epoch, {figure: value}]}, {"note": text},
and last {"model": name} or {"error": text}.
The process ends when its standard input does, for then the service has died.
"""

import json
import os
import sys
import threading
from base64 import b64decode
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import IO

from okng.domain.counting import counted
from okng.interfaces.cli.exit_codes import ExitCode
from okng.interfaces.cli.output import stage_name

_PROGRESS_SECONDS = 0.2


class Speaker:
    """Says how the training goes, at most a few times a second; a `Progress`."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._stage: str | None = None
        self._said = 0.0

    def say(self, **message: object) -> None:
        self._out.write(json.dumps(message) + "\n")
        self._out.flush()

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = monotonic()
        if stage != self._stage:
            self.say(note=stage_name(stage))
        elif done != total and now - self._said < _PROGRESS_SECONDS:
            return
        self._stage, self._said = stage, now
        self.say(progress=[stage, done, total])

    def learned(
        self,
        stage: str,
        epoch: int,
        epochs: int,  # noqa: ARG002 - the port's
        figures: Sequence[tuple[str, float]],
    ) -> None:
        """Say how well it learns; see `okng.domain.learning.Watching`."""
        self.say(learned=[stage, epoch, dict(figures)])


def train(request: Mapping[str, object], speaker: Speaker) -> str:
    """Do what a request says; return the stored model's name.

    Raises:
        OkngError: with the reason.
    """
    from okng.adapters.datasets import read_dataset
    from okng.bootstrap import (
        TrainingOptions,
        preview_training,
        train_dataset,
        training_advice,
    )
    from okng.bootstrap.tiers import chosen_tier
    from okng.services.first_look import first_look
    from okng.services.training_options import JobOptions
    from okng.settings import Settings

    given = request["settings"]
    assert isinstance(given, dict)
    settings = Settings(**given)
    values = request["options"]
    assert isinstance(values, dict)
    chosen = JobOptions.read(values)
    options = TrainingOptions(
        detector=chosen.detector,
        tier=chosen.tier,
        budget_ms=chosen.budget_ms,
        config=chosen.config,
        size=chosen.size,
        tile=chosen.tile,
        roi=chosen.roi,
        mask=None if chosen.mask_png is None else b64decode(chosen.mask_png),
        prepare=chosen.prepare,
        wish=chosen.wish,
        calibration=chosen.calibration,
        group_pattern=chosen.group_pattern,
        seed=chosen.seed,
        within=settings.dataset_roots,
    )
    folder, within = Path(str(request["folder"])), Path(str(request["within"]))
    dataset = read_dataset(folder, chosen.group_pattern, within)
    labels = Counter(sample.label for sample in dataset.train_labelled if sample.is_defective)
    counts = [f"{number:,} {label}" for label, number in sorted(labels.items())]
    said = ", ".join([counted(len(dataset.train_good), "good image"), *counts])
    speaker.say(note=f"{said}, read as {dataset.layout}")
    for note in (*dataset.notes, *first_look(dataset, settings.max_pixels)):
        speaker.say(note=note)
    if advice := training_advice(dataset, options, settings):
        speaker.say(note=advice)
    product = str(request["product"])
    options = chosen_tier(options, settings, len(dataset.train_good), speaker)
    ahead = preview_training(dataset, product, options, settings)
    if ahead.sheet is not None:
        speaker.say(note=str(ahead))
    training = train_dataset(dataset, product, options, settings, speaker)
    for refused in training.refused:
        speaker.say(note=f"refused {refused.path.name}: {refused.reason}")
    for said in training.notes:
        speaker.say(note=said)
    calibration = training.model.manifest.calibration
    for said in (*map(str, calibration.promises), calibration.note):
        if said:
            speaker.say(note=said)
    speaker.say(note=f"{training.model.name} is ready after {training.seconds:.1f} s")
    return training.model.name


def main() -> int:
    """Train as standard input says; the exit code is that of `okng train`."""
    from okng.domain.errors import OkngError

    # What libraries print must not get between the messages.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    speaker = Speaker(out)
    request = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_die_with_service, daemon=True).start()
    try:
        speaker.say(model=train(request, speaker))
    except OkngError as error:
        speaker.say(error=str(error), code=error.code)
        return ExitCode.FAILURE
    except MemoryError:
        speaker.say(error="not enough memory: take fewer images or a smaller size", code="memory")
        return ExitCode.FAILURE
    except OSError as error:
        speaker.say(error=f"{error.filename or 'system'}: {error.strerror or error}", code="system")
        return ExitCode.FAILURE
    return ExitCode.DONE


def _die_with_service() -> None:
    """Wait for the end of standard input; then nobody wants the result."""
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(ExitCode.INTERRUPTED)


if __name__ == "__main__":
    # Threads of a runtime may outlive main; all that matters is on the disk and said.
    code = main()
    sys.stderr.flush()
    os._exit(code)
