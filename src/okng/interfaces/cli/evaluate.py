"""`okng evaluate`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from okng.interfaces.cli import options, wording
from okng.interfaces.cli.output import Output

if TYPE_CHECKING:
    from okng.domain.evaluation import Evaluation, Latency
    from okng.domain.naming import Naming
    from okng.domain.rates import Rate


def evaluate(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A dataset with test images, or a list.")
    ],
    model: options.Model = None,
    product: options.Product = None,
    calibration: options.CalibrationNumber = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE.html",
            help="Where the report goes, JSON beside it; the data folder's reports/ unless given.",
        ),
    ] = None,
    beside: Annotated[
        list[str] | None,
        typer.Option(
            "--beside",
            metavar="MODEL",
            help="Another model to judge the same images, for comparison; may be repeated. A model "
            "that learned good images step by step is compared with the product's newest memory.",
        ),
    ] = None,
    alone: Annotated[bool, typer.Option("--alone", help="Compare with no other model.")] = False,
    group_pattern: options.GroupPattern = None,
    min_area_px: options.MinAreaPx = 0,
    no_review: options.NoReview = False,
    as_json: options.Json = False,
) -> None:
    """Measure a model on test images; write a report.

    The model is the product's champion (its newest until one is promoted); the product is called
    like the folder unless --product or --model says otherwise.
    """
    options.check_one_of(model, product)
    if alone and beside:
        raise typer.BadParameter("there is nothing beside a model alone", param_hint="--alone")
    if report is not None and report.suffix.lower() not in (".html", ".htm"):
        raise typer.BadParameter(f"{report} should end in .html", param_hint="--report")
    from okng.adapters.datasets import read_dataset
    from okng.bootstrap import evaluate as evaluate_samples
    from okng.bootstrap import labelled_tests, load, read_as_trained, write_report
    from okng.domain.product import product_name
    from okng.settings import read_settings

    output, settings = Output(as_json), read_settings()
    dataset = read_dataset(folder, group_pattern)
    samples = labelled_tests(folder, dataset)
    reference = model or product_name(product or dataset.name)
    policy = options.policy_of(min_area_px, no_review)
    inspector = load(reference, calibration=calibration, policy=policy, settings=settings)
    if group_pattern is None:
        dataset = read_as_trained(folder, inspector.model.manifest)
        samples = labelled_tests(folder, dataset)
    wording.say_dataset(output, dataset)
    others = () if alone else beside
    with output.progress() as progress:
        found = evaluate_samples(dataset, samples, inspector, settings, progress, others)
        written = write_report(found, report, settings)
    say_evaluation(output, found, written)
    output.document({**found.record(), "report": written})


def say_evaluation(output: Output, evaluation: "Evaluation", report: Path) -> None:
    """Say the key figures, and where the rest is."""
    from okng.domain.verdict import Verdict
    from okng.reports.evaluation import headline, summary

    output.line(
        f"{evaluation.model}, calibration {evaluation.calibration.version}: {headline(evaluation)}",
        style="bold",
    )
    for sentence in summary(evaluation):
        output.line(sentence)
    output.line()
    columns = (Verdict.OK, Verdict.REVIEW, Verdict.NG, Verdict.ERROR)
    output.table(
        ["", *(verdict.value for verdict in columns)],
        [
            [truth, *(f"{row[verdict]:,}" for verdict in columns)]
            for truth, row in evaluation.confusion.items()
        ],
    )
    output.line()
    if evaluation.kinds:
        output.table(
            ["defect", "stopped", "of", "called NG", "AUROC"],
            [
                [
                    kind.kind,
                    f"{kind.stopped.count}",
                    f"{kind.stopped.total}",
                    f"{kind.called_ng.count}",
                    _figure(kind.auroc),
                ]
                for kind in evaluation.kinds
            ],
        )
        output.line()
    if evaluation.naming:
        _say_names(output, evaluation.naming)
    if evaluation.beside:
        _say_beside(output, evaluation)
    output.card(_figures(evaluation))
    for index, text in enumerate(evaluation.notes):
        if index == 0 and evaluation.left_out:
            output.warn(text)
        else:
            output.note(text)
    output.line()
    output.line(f"Report: {report}", style="bold")


def _say_beside(output: Output, evaluation: "Evaluation") -> None:
    """Show the figures of other models below the model's own."""
    from okng.reports.evaluation import comparison

    areas, rates = ["image AUROC", "pixel AUROC", "AUPRO"], ["overkill", "to review", "escapes"]
    output.table(
        ["model", "detector", *areas, *rates, "graph"],
        [
            [
                one.model,
                one.detector,
                *map(_figure, (one.image_auroc, one.pixel_auroc, one.aupro)),
                *(
                    f"{rate.count:,} of {rate.total:,}"
                    for rate in (one.overkill, one.good_reviewed, one.escapes)
                ),
                "–" if one.graph_ms is None else f"{one.graph_ms:.1f} ms",
            ]
            for one in (evaluation.in_short, *evaluation.beside)
        ],
        left=2,
        spare=(8, 4, 6, 3),
    )
    for sentence in comparison(evaluation):
        output.line(sentence)
    output.line()


def _say_names(output: Output, naming: "Naming") -> None:
    """Show precision, recall and F1 of each class, and which was taken for which."""
    output.table(
        ["named", "precision", "recall", "F1", "images", "taken for"],
        [
            [
                one.name,
                _figure(one.precision),
                _figure(one.recall),
                _figure(one.f1),
                f"{one.support:,}",
                _taken_for(naming, row),
            ]
            for row, one in enumerate(naming.classes)
        ],
    )
    output.line()


def _taken_for(naming: "Naming", row: int) -> str:
    wrong = [
        f"{name} {count:,}"
        for column, (name, count) in enumerate(
            zip(naming.names, naming.confusion[row], strict=True)
        )
        if count and column != row
    ]
    return ", ".join(wrong) or "-"


def _figures(evaluation: "Evaluation") -> list[tuple[str, str | Sequence[str]]]:
    from okng.reports.naming import sentence

    pixels = evaluation.pixels
    rows: list[tuple[str, str | Sequence[str]]] = [
        (
            "Image",
            f"AUROC {_figure(evaluation.image_auroc)}, average precision "
            f"{_figure(evaluation.average_precision)}, F1-max {_figure(evaluation.f1_max)}",
        )
    ]
    if (naming := evaluation.naming) is not None:
        rows.append(("Names", _rate(naming.accuracy, "named rightly")))
        rows.append(("Sureness", sentence(naming)))
    if pixels is not None:
        rows.append(("Pixel", f"AUROC {_figure(pixels.auroc)}, AUPRO {_figure(pixels.aupro)}"))
    rows += [
        ("Overkill", _rate(evaluation.overkill, "good called NG")),
        ("Review", _rate(evaluation.good_reviewed, "good sent to review")),
        ("Escapes", _rate(evaluation.escapes, "defective called OK")),
        ("Latency", _latency(evaluation.total_latency, evaluation.runtime)),
    ]
    return rows


def _figure(value: float | None) -> str:
    from okng.reports.pages import figure

    return figure(value)


def _rate(rate: "Rate", what: str) -> str:
    if rate.value is None:
        return "unknown, there was nothing to count"
    return (
        f"{rate.value:.1%} {what}: {rate.count} of {rate.total} "
        f"(95% interval {rate.low:.1%} to {rate.high:.1%})"
    )


def _latency(latency: "Latency | None", runtime: str) -> str:
    if latency is None:
        return "unknown"
    return f"{latency.p50_ms:.1f} ms median, {latency.p99_ms:.1f} ms p99, on {runtime}"
