"""`okng users` and `okng audit`."""

import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The data folder that `fresh` works on."""
    return tmp_path / "home"


def test_people(fresh) -> None:
    """People are added with a one-time password, listed, changed, disabled and enabled."""
    added = fresh("users", "add", "Ann", "--role", "engineer")
    assert added.code == 0, added.err
    assert "ann, engineer" in added.out
    assert "not shown again" in added.out
    record = fresh("users", "add", "bob", "--role", "administrator", "--json").json
    assert len(record["password"]) == 23
    assert record["must_change"] is True
    listed = fresh("users", "list")
    assert listed.out.split()[:4] == ["name", "role", "state", "made"]
    assert "must change the password" in listed.out
    assert record["password"] not in listed.out
    assert fresh("users", "set-role", "ann", "--role", "reviewer").out == "ann is reviewer now\n"
    assert fresh("users", "disable", "ann").out == "ann is disabled\n"
    assert fresh("users", "list", "--json").json["users"][0]["active"] is False
    assert fresh("users", "enable", "ann", "--json").json["active"] is True
    again = fresh("users", "reset-password", "bob", "--json").json
    assert again["password"] != record["password"]


def test_refusals(fresh) -> None:
    """What cannot be is one line and a code."""
    assert fresh("users", "add", "boss", "--role", "administrator").code == 0
    for words, code, message in (
        (["users", "add", "BOSS"], 5, "there is a person named boss already"),
        (["users", "add", "console"], 2, "okng itself"),
        (["users", "disable", "boss"], 5, "last active administrator"),
        (["users", "disable", "eve"], 5, "nobody named 'eve'"),
        (["users", "list", "--database", "mysql://x/y"], 2, "mysql"),
        (["users", "add", "x", "--role", "king"], 2, "king"),
    ):
        done = fresh(*words)
        assert (done.code, message in done.err) == (code, True), done
    assert fresh("users", "disable", "eve", "--json").json["error"]["code"] == "not-found"


def test_no_database(fresh, home: Path) -> None:
    """Looking makes no database; the message says who does."""
    for words in (["users", "list"], ["audit", "show"], ["audit", "verify"]):
        done = fresh(*words)
        assert done.code == 5
        assert "there is no database at" in done.err
        assert "okng serve" in done.err
    assert not home.exists()


def test_audit(fresh, home: Path) -> None:
    """The log shows who did what, and verify names a row that was changed in the file."""
    for name in ("ann", "bob", "eve"):
        fresh("users", "add", name)
    shown = fresh("audit", "show", "--last", "2")
    assert [line.split()[5] for line in shown.out.splitlines()[1:]] == ["bob", "eve"]
    entries = fresh("audit", "show", "--subject", "ann", "--json").json["entries"]
    assert [(one["number"], one["actor"]) for one in entries] == [(1, "console")]
    assert "no such entries" in fresh("audit", "show", "--actor", "nobody").out
    sound = fresh("audit", "verify")
    assert (sound.code, sound.out.splitlines()[0]) == (0, "Sound: 3 entries")
    database = sqlite3.connect(home / "okng.db")
    database.execute("DROP TRIGGER audit_entries_refuse_update")
    database.execute("UPDATE audit_entries SET actor = 'eve' WHERE number = 2")
    database.commit()
    database.close()
    broken = fresh("audit", "verify")
    assert broken.code == 5
    assert re.search(r"2 +was changed after it was written", broken.out)
    document = fresh("audit", "verify", "--json").json
    assert document["sound"] is False
    assert [fault["number"] for fault in document["faults"]] == [2]


def test_anchors(fresh, tmp_path: Path) -> None:
    """An anchored head that is not in the log is a fault, other lines an error."""
    fresh("users", "add", "ann")
    head = fresh("audit", "verify", "--json").json["head_hash"]
    anchors = tmp_path / "anchors.txt"
    anchors.write_text(f"2026-01-01T00:00:00+00:00 1 {head}\n")
    good = fresh("audit", "verify", "--anchors", anchors, "--json").json
    assert (good["sound"], good["anchored"]) == (True, 1)
    assert "up to 1" in fresh("audit", "verify", "--anchors", anchors).out
    anchors.write_text(f"2026-01-01T00:00:00+00:00 7 {head}\n")
    gone = fresh("audit", "verify", "--anchors", anchors)
    assert gone.code == 5
    assert re.search(r"7 +was anchored and is gone", gone.out)
    anchors.write_text("hello\n")
    assert fresh("audit", "verify", "--anchors", anchors).code == 2


def test_as_a_process(home: Path) -> None:
    """The installed command adds a person into a database named by its URL, and sees him."""
    source = str(Path(sys.modules["okng"].__path__[0]).parent)
    url = f"sqlite:///{home / 'other.db'}"
    home.mkdir()

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "okng.interfaces.cli.app", *words],
            capture_output=True,
            text=True,
            timeout=60,
            env=os.environ | {"OKNG_HOME": str(home), "OKNG_DATABASE": url, "PYTHONPATH": source},
        )

    assert run("users", "add", "ann").returncode == 0
    assert "ann" in run("users", "list").stdout
    assert run("audit", "verify").stdout.startswith("Sound: 1 entry")
    assert not (home / "okng.db").exists()


@pytest.mark.parametrize("missing", ["argon2", "sqlalchemy"])
def test_without_the_extra(missing: str) -> None:
    """Where the service's parts are not installed, the command that installs them is named."""
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from okng.interfaces.cli.app import main\n"
        "sys.argv = ['okng', 'users', 'list']\n"
        "main()"
    )
    source = str(Path(sys.modules["okng"].__path__[0]).parent)
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PYTHONPATH": source},
    )
    assert done.returncode == 5
    assert "is not installed: pip install 'okng[serve]'" in done.stderr
    assert "Traceback" not in done.stderr
