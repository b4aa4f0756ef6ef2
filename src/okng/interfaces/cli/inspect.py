"""`okng inspect`."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from okng.domain.counting import counted
from okng.interfaces.cli import options, wording
from okng.interfaces.cli.exit_codes import ExitCode, exit_code_of
from okng.interfaces.cli.output import Output, json_text
from okng.interfaces.cli.reporting import reporting

if TYPE_CHECKING:
    from okng.domain.inspection import Inspection
    from okng.domain.verdict import Verdict
    from okng.interfaces.cli.inspection_files import Writer
    from okng.interfaces.cli.inspection_paths import Batch
    from okng.services.inspect import Inspector

_ANCESTORS = 3
"""How many folders above an image may name its product: bottle/test/broken/1.png."""


LEGEND = "Score against threshold; p: share of good parts that look no better"


def inspect(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...", help="Images, folders (with all below), patterns, lists."
        ),
    ],
    model: options.Model = None,
    product: options.Product = None,
    calibration: options.CalibrationNumber = None,
    overlays: Annotated[
        Path | None,
        typer.Option("--overlays", metavar="DIR", help="Write images with heatmap and outlines."),
    ] = None,
    maps: Annotated[
        Path | None,
        typer.Option("--maps", metavar="DIR", help="Write raw anomaly maps, float32 .npy."),
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write a table, a row per image.")
    ] = None,
    jsonl: Annotated[
        Path | None,
        typer.Option("--jsonl", metavar="FILE", help="Write records, a line of JSON per image."),
    ] = None,
    min_area_px: options.MinAreaPx = 0,
    no_review: options.NoReview = False,
    as_json: options.Json = False,
) -> None:
    """Judge images: OK, REVIEW or NG, where and how sure.

    The model is the one that --model or --product names; else the only product there is; else the
    product that is called like the images' folder. An image that cannot be used is an ERROR and
    the others go on.
    """
    options.check_one_of(model, product)
    options.check_target(csv, "--csv")
    options.check_target(jsonl, "--jsonl")
    from okng.bootstrap import load
    from okng.interfaces.cli.inspection_files import MapWriter, OverlayWriter, Pictures, writers
    from okng.interfaces.cli.inspection_paths import (
        batches,
        check_targets,
        common_root,
        whole_path,
    )
    from okng.settings import read_settings

    output, settings = Output(as_json), read_settings()
    found = batches(paths)
    lists = [(name, file) for name, file in (("--csv", csv), ("--jsonl", jsonl)) if file]
    check_targets(lists, paths, found)
    reference = model or _product(product, found)
    policy = options.policy_of(min_area_px, no_review)
    inspector = load(reference, calibration=calibration, policy=policy, settings=settings)
    inputs = frozenset(whole_path(path) for path in paths)
    root = common_root(found)
    pictures: list[Pictures] = []
    if overlays is not None:
        draw = OverlayWriter(overlays, root, inspector, settings.max_pixels, inputs)
        pictures.append(Pictures(draw, overlays, output.warn))
    if maps is not None:
        pictures.append(Pictures(MapWriter(maps, root), maps, output.warn))
    _say_start(output, found, inspector)
    start = perf_counter()
    with (
        reporting(as_json, document="\n], "),
        writers(csv, jsonl, pictures, output.warn) as asked,
    ):
        verdicts = _run(output, found, inspector, asked)
    unwritten = sum(one.failed for one in pictures)
    _say_end(output, verdicts, perf_counter() - start, unwritten)
    _say_written(output, (overlays, maps, csv, jsonl))
    raise typer.Exit(ExitCode.FAILURE if unwritten else exit_code_of(verdicts))


def judge(
    output: Output, paths: Iterable[Path], inspector: "Inspector", asked: "Sequence[Writer]" = ()
) -> "Iterator[Inspection]":
    """Inspect images one by one: write what was asked for, say a line, let it go."""
    from okng.interfaces.cli.inspection_line import inspection_line

    for path in paths:
        inspection = inspector.inspect(path)
        for write in asked:
            write(inspection)
        if not output.as_json:
            output.show(inspection_line(inspection, output.console))
        yield inspection


def _run(
    output: Output,
    found: "Sequence[Batch]",
    inspector: "Inspector",
    asked: "Sequence[Writer]",
) -> "Counter[Verdict]":
    """Inspect everything; only counts are kept."""
    verdicts: Counter[Verdict] = Counter()
    total = sum(batch.count for batch in found)
    paths = chain.from_iterable(batch.paths() for batch in found)
    with output.progress() as progress:
        progress("inspect", 0, total)
        for inspection in judge(output, paths, inspector, asked):
            if output.as_json:
                comma = "," if verdicts else ""
                output.raw(f"{comma}\n{json_text(inspection.record())}")
            verdicts[inspection.verdict] += 1
            progress("inspect", verdicts.total(), total)
    return verdicts


def _say_end(output: Output, verdicts: "Counter[Verdict]", seconds: float, unwritten: int) -> None:
    """Sum up; in JSON this ends the document that `_say_start` began."""
    from okng.domain.verdict import Verdict
    from okng.interfaces.cli.inspection_line import summary_line

    counts = {verdict.value: verdicts[verdict] for verdict in Verdict}
    if unwritten:
        output.warn(f"{counted(unwritten, 'picture')} could not be written")
    if output.as_json:
        summary = {
            "images": verdicts.total(),
            "verdicts": counts,
            "unwritten": unwritten,
            "seconds": seconds,
        }
        output.raw(f'\n], "summary": {json_text(summary)}}}\n')
    else:
        output.line()
        output.show(summary_line(counts, seconds, output.console))


def _head(inspector: "Inspector", left_out: "Counter[str]") -> dict[str, object]:
    """Return what holds for every inspection of the run."""
    calibration = inspector.calibration
    return {
        "model": inspector.model.name,
        "calibration": calibration.version,
        "review_threshold": calibration.review_threshold,
        "ng_threshold": calibration.ng_threshold,
        "passed_over": dict(sorted(left_out.items())),
    }


def _say_start(output: Output, found: "Sequence[Batch]", inspector: "Inspector") -> None:
    """Say what is inspected, and by what; in JSON this begins the document."""
    from okng.interfaces.cli.inspection_paths import listed, passed_over

    left_out = passed_over(found)
    if output.as_json:
        output.raw(json_text(_head(inspector, left_out))[:-1] + ', "inspections": [')
    for batch in found:
        if batch.dataset is not None and len(batch.dataset.counts()) > 1:
            wording.say_dataset(output, batch.dataset, notes=False)
    if left_out:
        output.note(f"passed over {listed(left_out)}")
    calibration = inspector.calibration
    limits = wording.thresholds(calibration)
    output.line(f"{inspector.model.name}, calibration {calibration.version}: {limits}")
    output.line(LEGEND, "dim")
    output.line()


def _say_written(output: Output, targets: Sequence[Path | None]) -> None:
    """Say where things are."""
    for name, target in zip(("Overlays", "Maps", "Table", "Records"), targets, strict=True):
        if target is not None:
            output.card([(name, str(target))])


def _product(product: str | None, found: "Sequence[Batch]") -> str:
    """Choose the product: named, the only one, or the one called like a folder of the images.

    Raises:
        NotFound: there is no product yet.
        typer.BadParameter: it cannot be told.
    """
    from okng.bootstrap import store
    from okng.domain.errors import BadSetting, NotFound
    from okng.domain.product import product_name
    from okng.settings import read_settings

    if product is not None:
        return product_name(product)
    products = store(read_settings()).products()
    if not products:
        raise NotFound("there are no models yet: make one with `okng train FOLDER`")
    if len(products) == 1:
        return products[0]
    for batch in found:
        root = batch.root.resolve()
        for folder in (root, *root.parents)[: _ANCESTORS + 1]:
            try:
                name = product_name(folder.name)
            except BadSetting:
                continue
            if name in products:
                return name
    raise typer.BadParameter(
        f"which product is it? Name one with --product: {', '.join(products)}",
        param_hint="--product",
    )
