"""`okng audit`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from okng.domain.people import CONSOLE
from okng.interfaces.cli import options
from okng.interfaces.cli.exit_codes import EPILOG, ExitCode
from okng.interfaces.cli.output import Output
from okng.interfaces.cli.people_database import Database, opened
from okng.interfaces.cli.reporting import Command, Group

if TYPE_CHECKING:
    from okng.domain.people import AuditCheck

app = typer.Typer(
    cls=Group,
    help="Show and verify the service's audit log.",
    epilog=EPILOG,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command(cls=Command)
def verify(
    anchors: Annotated[
        Path | None,
        typer.Option(
            "--anchors",
            metavar="FILE",
            help="The log's heads as they were exported; OKNG_ANCHOR_FILE unless given.",
        ),
    ] = None,
    database: Database = None,
    as_json: options.Json = False,
) -> None:
    """Find out whether the audit log is as it was written.

    Any change, removal, insertion or reordering is found, up to the last anchored head; ends with
    5 where there is one.
    """
    output = Output(as_json)
    with opened(database, anchors=anchors) as services:
        check = services.audit.verify(CONSOLE)
    output.document(
        {
            "sound": check.sound,
            "entries": check.entries,
            "head": check.head,
            "head_hash": check.head_hash,
            "anchored": check.anchored,
            "faults": [vars(fault) for fault in check.faults],
        }
    )
    _tell(output, check)
    if not check.sound:
        raise typer.Exit(ExitCode.FAILURE)


def _tell(output: Output, check: "AuditCheck") -> None:
    """Say what came of it."""
    if check.sound:
        output.line(f"Sound: {check.entries:,} {'entry' if check.entries == 1 else 'entries'}")
    else:
        output.line("The audit log is not as it was written")
        output.table(
            ["no.", "fault"],
            [[str(fault.number), fault.reason] for fault in check.faults],
            left=2,
            fold=2,
        )
    output.card([("Head", f"{check.head} {check.head_hash or ''}"), ("Anchored", _anchored(check))])


def _anchored(check: "AuditCheck") -> str:
    if check.anchored:
        return f"up to {check.anchored}; what came later could have been cut off"
    return "nothing: without anchors a log that was rewritten as a whole looks sound"


@app.command(cls=Command)
def show(
    last: Annotated[
        int, typer.Option("--last", metavar="N", min=1, max=500, help="So many entries.")
    ] = 20,
    actor: Annotated[
        str | None, typer.Option("--actor", metavar="NAME", help="Who did it.")
    ] = None,
    action: Annotated[
        str | None, typer.Option("--action", metavar="WORD", help="What, as in model.promote.")
    ] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", metavar="NAME", help="To whom or what.")
    ] = None,
    database: Database = None,
    as_json: options.Json = False,
) -> None:
    """Show the newest entries, the newest last."""
    from okng.domain.people_ports import AuditFilter

    output = Output(as_json)
    wanted = AuditFilter(actor=actor, action=action, subject=subject)
    with opened(database) as services:
        entries = services.audit.page(CONSOLE, wanted, limit=last).items[::-1]
    output.document({"entries": [vars(entry) | {"at": entry.at.isoformat()} for entry in entries]})
    if not entries:
        output.line("There are no such entries.")
        return
    output.table(
        ["no.", "at (UTC)", "actor", "action", "subject", "details"],
        [
            [str(one.number), f"{one.at:%Y-%m-%d %H:%M:%S}", one.actor, one.action, one.subject,
             one.details]
            for one in entries
        ],
        left=6,
        fold=6,
    )  # fmt: skip
