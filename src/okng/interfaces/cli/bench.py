"""`okng bench`."""

from pathlib import Path
from typing import Annotated

import typer

from okng.domain.counting import counted
from okng.interfaces.cli import options
from okng.interfaces.cli.output import Output


def bench(
    model: Annotated[
        str | None,
        typer.Argument(metavar="[MODEL]", help="bottle (its champion), bottle-3; else the only."),
    ] = None,
    image: Annotated[
        Path | None,
        typer.Option("--image", metavar="FILE", help="An image; one of the model's unless given."),
    ] = None,
    runs: Annotated[
        int, typer.Option("--runs", min=1, max=100_000, metavar="N", help="How often to measure.")
    ] = 100,
    as_json: options.Json = False,
) -> None:
    """Measure how long a model takes here.

    Times the backbone alone, the whole graph, and an image file to its verdict, on every runtime
    that is installed.
    """
    from okng.bootstrap import bench as measure
    from okng.settings import read_settings

    output, settings = Output(as_json), read_settings()
    reference = model or options.only_product(settings)
    with output.progress() as progress:
        name, file, found = measure(reference, image, runs, settings, progress)
    output.line(f"{name}, {file}, {counted(runs, 'run')}, {counted(settings.threads, 'thread')}")
    output.line()
    rows = []
    for one in found:
        timings = [("backbone alone", one.backbone), ("graph", one.graph)]
        for what, timing in (*timings, ("file to verdict", one.verdict)):
            if timing is None:
                continue
            ratio = one.ratio(timing)
            rows.append(
                [
                    one.runtime,
                    what,
                    f"{timing.p50_ms:.2f}",
                    f"{timing.p99_ms:.2f}",
                    f"{timing.per_second:,.1f}",
                    "-" if ratio is None else f"{ratio:.2f}",
                ]
            )
    output.table(["runtime", "", "p50 ms", "p99 ms", "per second", "x backbone"], rows, left=2)
    if any(one.backbone is None for one in found):
        output.line()
        output.note(
            "the backbone alone cannot be measured: the model has none or looks "
            "through tiles, or it is not here as it was; the model itself is whole without it"
        )
    output.document({"model": name, "image": file, "runs": [one.record() for one in found]})
