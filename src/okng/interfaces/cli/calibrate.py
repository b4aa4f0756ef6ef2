"""`okng calibrate`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from okng.domain.counting import counted
from okng.interfaces.cli import options, wording
from okng.interfaces.cli.output import Output

if TYPE_CHECKING:
    from okng.domain.calibration import Calibration
    from okng.services.defects import DefectScores
    from okng.services.prepare import Refused
    from okng.services.recalibrate import Recalibrate
    from okng.settings import Settings

_EXAM = (
    "these images now choose a threshold: do not use them to evaluate the model any more, the "
    "result would flatter it. Better, keep defects for this in train/<name of the defect>"
)


def calibrate(
    context: typer.Context,
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="bottle (its champion), bottle-3, bottle@candidate."),
    ],
    max_overkill: options.MaxOverkill = 0.01,
    confidence: options.Confidence = 0.95,
    margin: options.Margin = 0.25,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", metavar="SCORE", help="REVIEW begins above this raw score."),
    ] = None,
    ng_threshold: Annotated[
        float | None,
        typer.Option(
            "--ng-threshold", metavar="SCORE", help="NG begins above this; goes with --threshold."
        ),
    ] = None,
    defects: Annotated[
        Path | None,
        typer.Option(
            "--defects", metavar="FOLDER", help="Defective parts, or a dataset with some."
        ),
    ] = None,
    escape_cost: Annotated[
        float | None,
        typer.Option("--escape-cost", metavar="X", help="An escape costs this many overkills."),
    ] = None,
    defect_rate: Annotated[
        float,
        typer.Option(
            "--defect-rate", metavar="SHARE", help="Of all parts, defective. --escape-cost."
        ),
    ] = 0.05,
    max_escapes: Annotated[
        float | None,
        typer.Option("--max-escapes", metavar="SHARE", help="Defective parts called OK, at most."),
    ] = None,
    group_pattern: options.GroupPattern = None,
    as_json: options.Json = False,
) -> None:
    """Change a model's thresholds without training again.

    By a promise about good parts (--max-overkill), by hand (--threshold), by what an escape costs
    or by a bound on escapes: of the parts in --defects or, where the model learned from labelled
    defects, of those. Makes a new calibration; the old ones stay.
    """
    _check(threshold, ng_threshold, defects, escape_cost, max_escapes, group_pattern)
    _check_in_use(context, threshold, ng_threshold, defects, escape_cost)
    from okng.bootstrap import calibrate as add_calibration
    from okng.bootstrap import store
    from okng.services.calibrate import DefectWish, recalibrate, set_thresholds
    from okng.services.recalibrate import by_defects, kept_defects
    from okng.settings import read_settings

    output, settings = Output(as_json), read_settings()
    wish = options.wish_of(max_overkill, confidence, margin)
    models = store(settings)
    manifest = models.manifest(model)
    name = f"{manifest.product}-{manifest.version}"
    old = models.calibration(name)
    make: Recalibrate
    refused: Sequence[Refused] = ()
    if defects is not None:
        wanted = DefectWish(escape_cost, defect_rate, max_escapes)
        scores = _score_defects(output, name, defects, group_pattern, settings)
        make = by_defects(scores, wanted, wish)
        refused = scores.refused
    elif escape_cost is not None or max_escapes is not None:
        wanted = DefectWish(escape_cost, defect_rate, max_escapes)
        make = by_defects(kept_defects(old), wanted, wish)
    elif threshold is not None:
        review = threshold
        make = lambda of, number: set_thresholds(of, review, ng_threshold, wish, number)  # noqa: E731
    else:
        make = lambda of, number: recalibrate(of, wish, number)  # noqa: E731
    new = add_calibration(name, make, settings)
    output.line(f"{name} has a new calibration: {new.version}", style="bold green")
    output.line()
    _compare(output, old, new)
    output.line()
    output.card([*wording.calibration_rows(new), *wording.refused_rows(refused)])
    output.next_commands(
        [(f"okng inspect IMAGE... --model {name} --calibration {old.version}", "as it was before")]
    )
    records = {"old": wording.calibration_record(old), "new": wording.calibration_record(new)}
    output.document({"model": name, **records, "refused": wording.refused_record(refused)})


def _check_in_use(
    context: typer.Context,
    threshold: float | None,
    ng_threshold: float | None,
    defects: Path | None,
    escape_cost: float | None,
) -> None:
    """Refuse options that would be read and then not used."""
    for other, value in (("--threshold", threshold), ("--defects", defects)):
        if value is not None and options.is_given(context, "max_overkill"):
            raise typer.BadParameter(
                f"--max-overkill and {other} would each choose the threshold: give one of them"
            )
    if ng_threshold is not None and options.is_given(context, "margin"):
        raise typer.BadParameter(
            "--margin and --ng-threshold would each choose where NG begins: give one of them"
        )
    if escape_cost is None and options.is_given(context, "defect_rate"):
        raise typer.BadParameter("--defect-rate goes with --escape-cost")


def _check(
    threshold: float | None,
    ng_threshold: float | None,
    defects: Path | None,
    escape_cost: float | None,
    max_escapes: float | None,
    group_pattern: str | None,
) -> None:
    """Refuse what contradicts itself."""
    if ng_threshold is not None and threshold is None:
        raise typer.BadParameter("--ng-threshold goes with --threshold")
    if group_pattern is not None and defects is None:
        raise typer.BadParameter("--group-pattern needs --defects FOLDER")
    if threshold is not None and defects is not None:
        raise typer.BadParameter("give --threshold or --defects, not both")
    wishes = [wish for wish in (escape_cost, max_escapes) if wish is not None]
    if threshold is not None and wishes:
        raise typer.BadParameter("--escape-cost and --max-escapes choose the threshold themselves")
    if len(wishes) > 1:
        raise typer.BadParameter("give --escape-cost X or --max-escapes SHARE, not both")
    if defects is not None and not wishes:
        raise typer.BadParameter("--defects needs --escape-cost X or --max-escapes SHARE, one of")


def _score_defects(
    output: Output, name: str, folder: Path, group_pattern: str | None, settings: "Settings"
) -> "DefectScores":
    """Score the defects of a folder, and say what they are."""
    from okng.adapters.datasets import read_defects
    from okng.bootstrap import load, read_as_trained, score_defects
    from okng.services.defects import chosen_defects

    inspector = load(name, settings=settings)
    if group_pattern is None:
        dataset = read_as_trained(folder, inspector.model.manifest, defects=True)
    else:
        dataset = read_defects(folder, group_pattern)
    samples, of_test = chosen_defects(dataset)
    if of_test:
        output.warn(_EXAM)
    output.line(f"{counted(len(samples), 'defective image')} of {folder}")
    output.line()
    with output.progress() as progress:
        return score_defects(samples, inspector, settings, progress)


def _compare(output: Output, old: "Calibration", new: "Calibration") -> None:
    output.table(
        ["", "calibration", "REVIEW above", "NG above", "method"],
        [
            [
                which,
                str(one.version),
                wording.number(one.review_threshold),
                wording.number(one.ng_threshold),
                one.method.value,
            ]
            for which, one in (("old", old), ("new", new))
        ],
    )
