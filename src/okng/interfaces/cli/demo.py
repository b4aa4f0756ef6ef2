"""`okng demo`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from okng.interfaces.cli import options, wording
from okng.interfaces.cli.evaluate import say_evaluation
from okng.interfaces.cli.inspect import LEGEND, judge
from okng.interfaces.cli.output import Output
from okng.interfaces.cli.serve import announce, serve_until_told
from okng.interfaces.cli.train import say_training, training_record

if TYPE_CHECKING:
    from okng.domain.dataset import Sample
    from okng.settings import Settings


def demo(
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder", metavar="DIR", help="Where the images go; the data folder unless given."
        ),
    ] = None,
    images: Annotated[
        int, typer.Option("--images", min=20, max=5000, metavar="N", help="Good parts to learn.")
    ] = 200,
    seed: Annotated[
        int, typer.Option("--seed", min=0, metavar="N", help="Same seed, same parts.")
    ] = 0,
    port: Annotated[
        int,
        typer.Option("--port", min=0, max=65535, metavar="PORT", help="Of the pages; 0 is any."),
    ] = 8000,
    no_serve: Annotated[
        bool, typer.Option("--no-serve", help="End after the inspections, without the pages.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """See it all work: render a product, learn it, evaluate, inspect, look at it in a browser.

    The product is a machined flange that okng renders itself, with five kinds of defect. With
    --json it ends without the pages.
    """
    from okng.adapters.datasets import read_dataset
    from okng.bootstrap import (
        TrainingOptions,
        evaluate,
        load,
        render_demo,
        train_dataset,
        write_report,
    )
    from okng.domain.dataset import Split
    from okng.settings import read_settings

    output, settings = Output(as_json), read_settings()
    with output.progress() as progress:
        place, rendered = render_demo(folder, images, seed, settings, progress)
    output.line(f"1  A product: {'rendered into' if rendered else 'there already,'} {place}", _STEP)
    output.line()
    dataset = read_dataset(place)
    wording.say_dataset(output, dataset)
    output.line(f"2  Learn it from the {len(dataset.train_good)} good images", _STEP)
    output.line()
    with output.progress() as progress:
        training = train_dataset(dataset, None, TrainingOptions(), settings, progress)
    say_training(output, training)
    output.line()
    output.line("3  Evaluate it on the test images, which it has not seen", _STEP)
    output.line()
    name, test = training.model.name, dataset.of(Split.TEST)
    inspector = load(name, settings=settings)
    with output.progress() as progress:
        evaluation = evaluate(dataset, test, inspector, settings, progress)
        report = write_report(evaluation, None, settings)
    say_evaluation(output, evaluation, report)
    output.line()
    output.line("4  Inspect a few parts", _STEP)
    output.line()
    output.line(LEGEND, "dim")
    shown = [sample.path for sample in _few(test)]
    inspections = list(judge(output, shown, inspector))
    where, product = wording.quoted(place), training.model.manifest.product
    output.next_commands(
        [
            (f"okng inspect {where}/test --model {product} --overlays overlays", "see where"),
            (
                f"okng calibrate {product} --max-overkill 0.05",
                "let fewer defects pass, send more to review",
            ),
            ("okng train FOLDER", "your own parts: a folder of good images is enough"),
        ]
    )
    output.document(
        {
            "folder": place,
            "dataset": wording.dataset_record(dataset),
            "training": training_record(training),
            "evaluation": evaluation.record(),
            "report": report,
            "inspections": [inspection.record() for inspection in inspections],
        }
    )
    if not (no_serve or as_json):
        _show(output, settings, place, product, port)


def _show(output: Output, settings: "Settings", place: Path, product: str, port: int) -> None:
    """Serve the pages with the demo's product, and say where to look and how to get in."""
    from okng.bootstrap.demo import show_demo
    from okng.domain.errors import Conflict, MissingExtra

    def say(url: str, password: str | None) -> None:
        announce(output, url, password)
        if password is None:
            output.line("Sign in as before. Forgotten: okng users reset-password admin")
        output.line()
        page = f"{url}/inspect?product={product}"
        output.line(f"Open {page} and try a sample. Ctrl-C ends it.", _STEP)

    output.line()
    output.line("5  Look at it in a browser", _STEP)
    output.line()
    if not place.is_relative_to(settings.home.absolute()):
        roots = (*settings.dataset_roots, place)
        settings = settings.model_copy(update={"dataset_roots": roots})
    try:
        here = ("127.0.0.1", port, None, None, False)
        serve_until_told(
            settings, here, say, lambda service: show_demo(service, place, product), quiet=True
        )
    except (MissingExtra, Conflict) as error:
        output.line(f"The pages cannot be shown: {error}.")


_STEP = "bold"


def _few(samples: "tuple[Sample, ...]") -> "list[Sample]":
    """Return one image of every label, the good one first."""
    first: dict[str, Sample] = {}
    for sample in samples:
        first.setdefault(sample.label or "", sample)
    return sorted(first.values(), key=lambda sample: (not sample.is_good, sample.label))
