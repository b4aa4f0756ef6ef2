"""`okng doctor`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from okng.domain.counting import counted
from okng.interfaces.cli import options, wording
from okng.interfaces.cli.exit_codes import ExitCode
from okng.interfaces.cli.output import Output

if TYPE_CHECKING:
    from okng.domain.doctor import Diagnosis, Finding

_SHOWN = 3


def doctor(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A dataset, or a CSV list of images.")
    ],
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE.html",
            help="Where the report goes, JSON beside it; the data folder's reports/ unless given.",
        ),
    ] = None,
    split: Annotated[
        Path | None,
        typer.Option(
            "--split",
            metavar="FILE.csv",
            help="Write a list of the images with a split that keeps a part's images together.",
        ),
    ] = None,
    test_share: Annotated[
        float,
        typer.Option("--test-share", metavar="SHARE", help="Of each label, that the test gets."),
    ] = 0.2,
    validation_share: Annotated[
        float,
        typer.Option(
            "--validation-share",
            metavar="SHARE",
            help="Of each label, for thresholds; without, a training holds parts out by itself.",
        ),
    ] = 0.0,
    max_overkill: options.MaxOverkill = 0.01,
    confidence: options.Confidence = 0.95,
    group_pattern: options.GroupPattern = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of every random choice.")] = 0,
    as_json: options.Json = False,
) -> None:
    """Look at a dataset before training: leaks, mislabels, copies, bad pictures.

    Reads every image, changes none, and writes a report. Ends with 0 where nothing is to be done,
    1 where something must be fixed, 3 where a person should look.
    """
    if report is not None and report.suffix.lower() not in (".html", ".htm"):
        raise typer.BadParameter(f"{report} should end in .html", param_hint="--report")
    if split is not None and split.suffix.lower() != ".csv":
        raise typer.BadParameter(f"{split} should end in .csv", param_hint="--split")
    if split is not None and split.resolve() == folder.resolve():
        raise typer.BadParameter(f"{split} is what is examined: name another", param_hint="--split")
    if not 0 < test_share < 1:
        raise typer.BadParameter(
            f"{test_share:g} is no share between 0 and 1", param_hint="--test-share"
        )
    if not 0 <= validation_share < 1 - test_share:
        raise typer.BadParameter(
            f"{validation_share:g} of all, beside {test_share:g} for the test, leaves nothing to "
            "train on",
            param_hint="--validation-share",
        )
    wish = options.wish_of(max_overkill, confidence, margin=0.25)
    from okng.adapters.datasets import read_dataset
    from okng.bootstrap.doctor import examine_dataset, write_diagnosis, write_split
    from okng.settings import read_settings

    output, settings = Output(as_json), read_settings()
    dataset = read_dataset(folder, group_pattern)
    wording.say_dataset(output, dataset)
    with output.progress() as progress:
        checkup = examine_dataset(dataset, wish, settings, seed, progress)
        written = write_diagnosis(checkup.diagnosis, report, settings)
    say_diagnosis(output, checkup.diagnosis, written)
    document: dict[str, object] = {**checkup.diagnosis.record(), "report": written}
    if split is not None:
        counts = write_split(checkup, split, test_share, seed, settings, validation_share)
        document["split"] = {"file": split.absolute(), "counts": counts}
        _say_split(output, split, counts, dataset.name)
    output.document(document)
    raise typer.Exit(exit_code_of(checkup.diagnosis))


def exit_code_of(diagnosis: "Diagnosis") -> ExitCode:
    """Return the code of the most urgent finding; what is only to know has none."""
    from okng.domain.doctor import Urgency

    codes = {Urgency.FIX: ExitCode.NG, Urgency.LOOK: ExitCode.REVIEW}
    urgency = diagnosis.urgency
    return codes.get(urgency, ExitCode.DONE) if urgency else ExitCode.DONE


def say_diagnosis(output: Output, diagnosis: "Diagnosis", report: Path) -> None:
    """Say what was found, the worst first, with a few names of each."""
    from okng.domain.doctor import Urgency
    from okng.reports.doctor import URGENCIES, headline, summary

    styles = {Urgency.FIX: "bold red", Urgency.LOOK: "yellow", Urgency.KNOW: "dim"}
    output.line(headline(diagnosis), style="bold")
    output.line(summary(diagnosis))
    for finding in diagnosis.findings:
        output.line()
        name = URGENCIES[finding.urgency][0]
        said = [finding.headline, finding.mend, *_examples(finding)]
        output.card([(name, said)], label_style=styles[finding.urgency])
    for note in diagnosis.skipped:
        output.line()
        output.note(note)
    output.line()
    output.line(f"Report: {report}", style="bold")


def _examples(finding: "Finding") -> list[str]:
    lines = []
    for case in finding.cases[:_SHOWN]:
        names = " = ".join(shown.name for shown in case.images[:2])
        more = len(case.images) - 2
        lines.append(f"{names}{f' and {more:,} more' if more > 0 else ''}: {case.text}")
    if len(finding.cases) > _SHOWN:
        lines.append(f"and {len(finding.cases) - _SHOWN:,} more")
    return lines


def _say_split(output: Output, split: Path, counts: dict[str, int], name: str) -> None:
    from okng.domain.product import product_name

    output.line(f"Split:  {split.absolute()}", style="bold")
    numbers = ", ".join(f"{name} {number:,}" for name, number in counts.items())
    output.line(f"        {counted(sum(counts.values()), 'image')}: {numbers}")
    product = product_name(name)
    where = wording.quoted(split)
    output.next_commands(
        [
            (f"okng train {where} --product {product}", "learn from this split"),
            (f"okng evaluate {where} --product {product}", "and measure it on parts never seen"),
        ]
    )
