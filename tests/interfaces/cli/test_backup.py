"""`okng backup` and `okng restore`, through the command line."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from okng.adapters.stores.content_folder import ContentFolder
from okng.adapters.stores.model_folder import FolderModelStore
from okng.adapters.stores.sql.database import Database
from okng.adapters.stores.sql.products import SqlProducts
from okng.domain.records import ProductRecord
from okng.interfaces.cli.app import app
from okng.testing.models import tiny_model


def call(home: Path, *arguments: object) -> Any:
    """Run the command line in this process, on a data folder."""
    runner = CliRunner(env={"OKNG_HOME": str(home)})
    done = runner.invoke(app, [str(argument) for argument in arguments], prog_name="okng")
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def told(home: Path, *arguments: object) -> Any:
    """Run a command that prints JSON, and return that."""
    return json.loads(call(home, *arguments, "--json").stdout)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A data folder with a database, a model and an image."""
    folder = tmp_path / "home"
    folder.mkdir()
    database = Database(folder / "okng.db")
    database.migrate()
    SqlProducts(database).add(ProductRecord("tiny", "Tiny", datetime.now(UTC)))
    database.close()
    FolderModelStore(folder / "models").add("tiny", lambda number: tiny_model("tiny", number))
    ContentFolder(folder / "images").put(b"nobody's image")
    return folder


def test_there_and_back(home: Path, tmp_path: Path) -> None:
    """A backup is written, told, and restored into a folder that the other commands use."""
    archive, again = tmp_path / "all.zip", tmp_path / "again"
    made = told(home, "backup", archive)
    assert made["backup"] == str(archive)
    assert made["rows"]["products"] == 1
    assert made["notes"] == []
    restored = told(home, "restore", archive, again)
    assert restored["home"] == str(again)
    assert restored["audit_entries"] == 0
    assert [model["model"] for model in told(again, "models")["models"]] == ["tiny-1"]
    assert "backup.create" in call(home, "audit", "show").stdout
    assert call(again, "audit", "verify").exit_code == 0


def test_it_tells_people(home: Path, tmp_path: Path) -> None:
    """Without --json both say in words what was done, and what to do next."""
    assert "is written and verified" in call(home, "backup", tmp_path).stdout
    (archive,) = tmp_path.glob("okng-*.zip")
    restored = call(home, "restore", archive, tmp_path / "again").stdout
    assert "its chain is whole" in restored
    assert f"OKNG_HOME={tmp_path / 'again'} okng serve" in restored


def test_failures_have_codes(home: Path, tmp_path: Path) -> None:
    """What is missing, damaged or not empty ends with 5 and the reason; a bad name with 2."""
    archive, again = tmp_path / "all.zip", tmp_path / "again"
    assert call(tmp_path / "nowhere", "backup", archive).exit_code == 5
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "bad.zip").write_bytes(b"PK\x03\x04 and no more")
    assert told(home, "restore", tmp_path / "bad.zip", again)["error"]["code"] == "bad-backup"
    assert call(home, "restore", tmp_path / "none.zip", again).exit_code == 5
    call(home, "backup", archive)
    assert told(home, "restore", archive, home)["error"]["code"] == "conflict"
    for url in ("sqlite:nonsense", "mysql://x/y", "nonsense"):
        assert call(home, "backup", tmp_path / "x.zip", "--database", url).exit_code == 2
        assert call(home, "restore", archive, again, "--database", url).exit_code == 2
    assert not again.exists()
    taken = call(home, "backup", archive)
    assert taken.exit_code == 2
    assert "is there already" in taken.stderr


def test_a_killed_restore_leaves_nothing_in_the_way(home: Path, tmp_path: Path) -> None:
    """After `kill -9` the folder is not there, and the same command works."""
    archive, again, partial = (tmp_path / n for n in ("all.zip", "again", ".again.partial"))
    database = Database(home / "okng.db")
    products, words = SqlProducts(database), random.Random(0)
    with database.session():
        for number in range(2000):
            title = "".join(words.choices("abcdefgh", k=100))
            products.add(ProductRecord(f"p{number}", title, datetime.now(UTC)))
    database.close()
    call(home, "backup", archive)
    source = str(Path(sys.modules["okng"].__path__[0]).parent)
    command = [sys.executable, "-m", "okng.interfaces.cli.app", "restore", archive, again]
    process = subprocess.Popen(
        list(map(str, command)), env=os.environ | {"PYTHONPATH": source}, stdout=subprocess.DEVNULL
    )
    end = time.monotonic() + 30
    while not partial.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not again.exists()
    assert partial.exists()
    assert told(home, "restore", archive, again)["rows"] >= 2001
    assert not partial.exists()
