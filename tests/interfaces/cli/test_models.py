"""`okng models`."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from okng.adapters.stores.model_archive import export_archive
from okng.adapters.stores.model_folder import FolderModelStore

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


def test_alias_can_be_taken_away(okng: Okng) -> None:
    """`unalias` takes a name away, not the model; without an alias it is refused."""
    okng("models", "promote", "bolt-1")
    assert okng("models", "unalias", "bolt").code == 2
    answer = okng("models", "unalias", "bolt@champion", "--json").json
    assert answer == {"product": "bolt", "alias": "champion", "removed": True}
    assert okng("models", "show", "bolt-1", "--json").json["aliases"] == []
    assert okng("models", "unalias", "bolt@champion").code == 5


def test_names_stay_whole_on_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """At 80 columns other columns go, by their order, and no name is broken."""
    from okng.interfaces.cli import output

    monkeypatch.setattr(output, "PIPE_WIDTH", 80)
    name = "a-product-with-a-name-as-long-as-they-come-12"
    row = [name, "champion", "memory", "2026-01-01 10:00", "200", "2", "10.0 MB"]
    headers = ["model", "alias", "detector", "made", "images", "calibrations", "size"]
    output.Output(as_json=False).table(headers, [row], left=4, spare=(5, 2, 6, 4, 3))
    said = capsys.readouterr().out
    assert name in said
    assert "champion" in said
    assert "2026-01-01 10:00" in said
    assert "calibrations" not in said
    assert max(map(len, said.splitlines())) <= 80


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


def test_import_checks_the_golden_scores(okng: Okng, read: Okng, tmp_path: Path) -> None:
    """A model whose golden images get other scores here than it says is not taken in."""
    store = FolderModelStore(tmp_path / "home" / "models")
    model = store.load("bolt-1")
    wrong = tuple(replace(one, score=one.score + 1) for one in model.manifest.golden)
    odd = replace(model, manifest=replace(model.manifest, golden=wrong))
    done = okng("models", "import", export_archive(odd, (), tmp_path), "--product", "nut")
    assert done.code == 5
    assert "the manifest says" in done.err
    assert store.products() == ("bolt",)
    sound = export_archive(model, (), tmp_path)
    assert okng("models", "import", sound, "--product", "nut").code == 0


def test_only_signed_models_come_in(
    okng: Okng, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a key is demanded, a model comes in only with a fitting signature of that key."""
    made = okng("models", "new-key", tmp_path / "key.pem", "--json").json
    assert (tmp_path / "key.pem").stat().st_mode & 0o077 == 0
    assert okng("models", "new-key", tmp_path / "key.pem").code == 2
    signed = Path(
        okng("models", "export", "bolt", tmp_path, "--sign", tmp_path / "key.pem", "--json").json[
            "file"
        ]
    )
    signature = signed.with_name(signed.name + ".sig")
    line = signature.read_text()
    monkeypatch.setenv("OKNG_SIGNING_KEYS", json.dumps([made["public"]]))
    assert okng("models", "import", signed, "--product", "other").code == 0
    signature.write_text(line.replace(line.split()[2][:4], "AAAA"))
    assert okng("models", "import", signed, "--product", "more").code == 5
    signature.unlink()
    refused = okng("models", "import", signed, "--product", "more")
    assert refused.code == 5
    assert "signed models only" in refused.err
    assert okng("models", "show", "more").code == 5
