"""docs/cli.md against the command line itself."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from okng.interfaces.cli.app import app
from okng.interfaces.cli.exit_codes import EPILOG, ExitCode
from okng.settings import Settings

ROOT = Path(__file__).resolve().parents[3]


def commands(command: Any, name: str = "okng") -> Iterator[tuple[str, Any]]:
    yield name, command
    for child, below in getattr(command, "commands", {}).items():
        yield from commands(below, f"{name} {child}")


def section(text: str, name: str) -> str:
    """Return what is said of a command: its own section, or its group's."""
    while True:
        found = re.search(rf"^## {name}\b(?! [a-z]).*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
        if found:
            return found[0]
        name = name.rpartition(" ")[0]


def test_every_command_and_option_is_documented() -> None:
    """No command and no option is missing from its section of docs/cli.md."""
    text = (ROOT / "docs" / "cli.md").read_text("utf-8")
    for name, command in commands(get_command(app)):
        said = section(text, name)
        assert name in said
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("--"):
                    assert f"`{option}" in said, f"{name} {option}"


def test_no_option_is_documented_that_is_not_there() -> None:
    """Every option that docs/cli.md lists exists in some command."""
    text = (ROOT / "docs" / "cli.md").read_text("utf-8")
    there = {
        option
        for _, command in commands(get_command(app))
        for parameter in command.params
        for option in parameter.opts
    }
    assert set(re.findall(r"`(--[a-z-]+)", text)) <= there | {"--help"}


def test_every_exit_code_is_documented() -> None:
    """docs/cli.md and --help name all exit codes."""
    text = (ROOT / "docs" / "cli.md").read_text("utf-8")
    for code in ExitCode:
        assert f"| {code.value} |" in text
        assert f"{code.value} " in EPILOG


def test_every_variable_is_documented() -> None:
    """docs/cli.md has a row for each setting of the environment, and none that is not there."""
    text = (ROOT / "docs" / "cli.md").read_text("utf-8")
    rows = re.findall(r"^\| `(OKNG_[A-Z_]+)` \| [^|]+ \| [^|]+ \|$", text, re.MULTILINE)
    assert sorted(rows) == sorted(f"OKNG_{name.upper()}" for name in Settings.model_fields)
