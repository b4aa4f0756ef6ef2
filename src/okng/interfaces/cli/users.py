"""`okng users`."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from okng.domain.people import CONSOLE, Role
from okng.interfaces.cli import options
from okng.interfaces.cli.exit_codes import EPILOG
from okng.interfaces.cli.output import Output
from okng.interfaces.cli.people_database import Database, opened
from okng.interfaces.cli.reporting import Command, Group

if TYPE_CHECKING:
    from okng.domain.people import Person

app = typer.Typer(
    cls=Group,
    help="List, add, change and disable the people who may use the service.",
    epilog=EPILOG,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The person's name.")]
ItsRole = Annotated[Role, typer.Option("--role", help="What the person may do.")]


@app.command("list", cls=Command)
def list_users(database: Database = None, as_json: options.Json = False) -> None:
    """List the people."""
    output = Output(as_json)
    with opened(database) as services:
        people = services.people.list(CONSOLE)
    output.document({"users": [_record(person) for person in people]})
    if not people:
        output.line("There is nobody yet: okng serve makes an administrator at its first start.")
        return
    output.table(
        ["name", "role", "state", "made"],
        [
            [person.name, person.role.value, _state(person), f"{person.created:%Y-%m-%d %H:%M}"]
            for person in people
        ],
        left=4,
    )


@app.command(cls=Command)
def add(
    name: Name,
    role: ItsRole = Role.OPERATOR,
    database: Database = None,
    as_json: options.Json = False,
) -> None:
    """Add a person, and print the one-time password."""
    output = Output(as_json)
    with opened(database, create=True) as services:
        person, password = services.people.create(CONSOLE, name, role, datetime.now(UTC))
    _hand_over(output, person, password)


@app.command("reset-password", cls=Command)
def reset_password(name: Name, database: Database = None, as_json: options.Json = False) -> None:
    """Give a person a new one-time password; all sessions end."""
    output = Output(as_json)
    with opened(database) as services:
        person, password = services.people.reset_password(CONSOLE, name)
    _hand_over(output, person, password)


@app.command("set-role", cls=Command)
def set_role(
    name: Name, role: ItsRole, database: Database = None, as_json: options.Json = False
) -> None:
    """Give a person another role."""
    output = Output(as_json)
    with opened(database) as services:
        person = services.people.set_role(CONSOLE, name, role)
    output.line(f"{person.name} is {person.role.value} now")
    output.document(_record(person))


@app.command(cls=Command)
def disable(name: Name, database: Database = None, as_json: options.Json = False) -> None:
    """Let a person in no longer; the account stays, since the audit log names it."""
    output = Output(as_json)
    with opened(database) as services:
        person = services.people.disable(CONSOLE, name)
    output.line(f"{person.name} is disabled")
    output.document(_record(person))


@app.command(cls=Command)
def enable(name: Name, database: Database = None, as_json: options.Json = False) -> None:
    """Let a disabled person in again."""
    output = Output(as_json)
    with opened(database) as services:
        person = services.people.enable(CONSOLE, name)
    output.line(f"{person.name} is enabled")
    output.document(_record(person))


def _hand_over(output: Output, person: "Person", password: str) -> None:
    """Show a one-time password, which is nowhere else."""
    output.line(f"{person.name}, {person.role.value}", style="bold")
    output.card([("Password", [password, "for the first sign-in; it is not shown again"])])
    output.document(_record(person) | {"password": password})


def _record(person: "Person") -> dict[str, object]:
    return {
        "name": person.name,
        "role": person.role.value,
        "active": person.active,
        "must_change": person.must_change,
        "created": person.created.isoformat(),
    }


def _state(person: "Person") -> str:
    if not person.active:
        return "disabled"
    return "must change the password" if person.must_change else "active"
