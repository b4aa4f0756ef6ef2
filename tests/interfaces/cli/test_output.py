"""What is shown while something works."""

from rich.console import Console
from rich.progress import Progress, TextColumn

from okng.domain.learning import Watching
from okng.interfaces.cli.output import _Stages


def test_an_epochs_figures_stand_beside_the_stage() -> None:
    """A progress on a terminal shows how well the learning goes, and forgets it with the stage."""
    bars = Progress(TextColumn("{task.description}"), console=Console(file=None, quiet=True))
    stages = _Stages(bars)
    assert isinstance(stages, Watching)
    stages("learn", 5, 10)
    stages.learned("learn", 1, 2, [("loss", 0.51234), ("validation accuracy", 0.9)])
    (task,) = bars.tasks
    said = "Learning, epoch 1 of 2: loss 0.512, validation accuracy 0.9"
    assert (task.description, task.completed) == (said, 5)
    stages("calibrate", 1, 3)
    assert [task.description for task in bars.tasks] == ["Scoring held-out parts"]
