"""`okng models`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Okng = Callable[..., Any]


def test_alone_it_lists(read: Okng) -> None:
    """`okng models` and `okng models list` say the same, and --json is a list of models."""
    assert read("models").out == read("models", "list").out
    assert "bolt-1" in read("models").out
    entry = read("models", "--json").json["models"][0]
    assert (entry["model"], entry["detector"], entry["images"]) == ("bolt-1", "memory", 24)


def test_nothing_yet(fresh: Okng) -> None:
    """An empty data folder is no failure, and says how to begin."""
    done = fresh("models")
    assert (done.code, fresh("models", "--json").json) == (0, {"models": []})
    assert "okng train FOLDER" in done.out


def test_card(read: Okng) -> None:
    """`show` has data, backbone, view, fingerprint and promise."""
    done = read("models", "show", "bolt")
    for part in ("bolt, MVTec AD: 24 good images", "efficientnet_lite0", "64 x 64 px", "Promise"):
        assert part in done.out
    answer = read("models", "show", "bolt-1", "--json").json
    assert answer["manifest"]["data"]["fingerprint"] in done.out


def test_a_model_travels(okng: Okng, tmp_path: Path) -> None:
    """Exported, deleted and imported, a model is back with its calibrations."""
    okng("calibrate", "bolt", "--threshold", "3")
    file = Path(okng("models", "export", "bolt", tmp_path, "--json").json["file"])
    assert file.name == "bolt-1.okng"
    again = okng("models", "export", "bolt", tmp_path)
    assert again.code == 2
    assert "--force" in again.err
    assert okng("models", "export", "bolt", tmp_path, "--force").code == 0
    assert "is here already" in okng("models", "import", file).out
    assert okng("models", "delete", "bolt-1").code == 0
    assert okng("models", "show", "bolt").code == 5
    back = okng("models", "import", file, "--json").json
    assert (back["added"], back["calibrations"]) == (True, [2])
    assert (
        okng("models", "show", back["model"], "--json").json["active_calibration"]["version"] == 2
    )


def test_champion(okng: Okng) -> None:
    """A promoted model is the champion, is listed so, and goes only by force."""
    assert "bolt-1 is the champion now" in okng("models", "promote", "bolt-1").out
    assert "champion" in okng("models").out
    refused = okng("models", "delete", "bolt-1")
    assert refused.code == 2
    assert "--force" in refused.err
    assert okng("models", "delete", "bolt-1", "--force").code == 0
    assert okng("models", "promote", "bolt-1").code == 5


def test_other_alias(okng: Okng) -> None:
    """--alias gives another name, which models go by."""
    okng("models", "promote", "bolt-1", "--alias", "candidate")
    assert okng("models", "show", "bolt@candidate", "--json").json["aliases"] == ["candidate"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["show", "nut"], 5),
        (["delete", "bolt"], 2),
        (["import", "nowhere.okng"], 5),
        (["promote", "bolt-1", "--alias", "7"], 2),
        (["--json", "list"], 2),
        (["nonsense"], 2),
    ],
)
def test_mistakes(okng: Okng, arguments: list[str], code: int) -> None:
    """Each mistake has its code and a message."""
    done = okng("models", *arguments)
    assert done.code == code
    assert done.err


def test_foreign_archive_is_refused(okng: Okng, tmp_path: Path) -> None:
    """A file that is no archive ends in one clear line."""
    (tmp_path / "x.okng").write_bytes(b"PK no zip")
    done = okng("models", "import", tmp_path / "x.okng")
    assert done.code == 5
    assert done.err.count("\n") == 1
