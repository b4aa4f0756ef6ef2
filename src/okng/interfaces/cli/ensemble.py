"""`okng ensemble`."""

from pathlib import Path
from typing import Annotated

import typer

from okng.interfaces.cli import options
from okng.interfaces.cli.output import Output
from okng.interfaces.cli.train import say_training, training_record


def ensemble(
    models: Annotated[
        list[str], typer.Argument(metavar="MODEL...", help="Two models or more: bottle-1 bottle-2.")
    ],
    product: Annotated[
        str | None,
        typer.Option("--product", metavar="NAME", help="The product; the models' unless given."),
    ] = None,
    calibrate_on: Annotated[
        Path | None,
        typer.Option(
            "--calibrate-on", metavar="FOLDER", help="Good images that none of the models knows."
        ),
    ] = None,
    max_overkill: options.MaxOverkill = 0.01,
    confidence: options.Confidence = 0.95,
    margin: options.Margin = 0.25,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of every random choice.")] = 0,
    as_json: options.Json = False,
) -> None:
    """Join models of one product into one, whose score is the mean of theirs.

    They must see images alike: the same size, region, mask and preparation. Makes a new version of
    the product's model; the members stay.
    """
    from okng.bootstrap.ensemble import ensemble as join
    from okng.settings import read_settings

    output = Output(as_json)
    with output.progress() as progress:
        training = join(
            models,
            read_settings(),
            product=product,
            calibrate_on=calibrate_on,
            wish=options.wish_of(max_overkill, confidence, margin),
            seed=seed,
            progress=progress,
        )
    say_training(output, training)
    evaluation = f"okng evaluate FOLDER --product {training.model.manifest.product}"
    output.next_commands([(evaluation, "how good it is on test images, with a report")])
    output.document({"members": models, **training_record(training)})
