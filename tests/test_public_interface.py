import json
import subprocess
import sys
from pathlib import Path

import pytest

import okng
from okng import bootstrap
from okng.domain.errors import BadDataset, BadSetting
from okng.settings import Settings
from okng.testing.images import good_parts, save, with_defect, write_folder

QUICK = okng.TrainingOptions(size=(64, 64), config={"bank_size": 512})


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point okng's data folder to an empty one."""
    monkeypatch.setenv("OKNG_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "flange", good=8, test_good=2, defective=2, size=64)


@pytest.mark.usefixtures("home")
def test_five_lines(folder: Path, tmp_path: Path) -> None:
    """Import, train, load, inspect and print: a good part is OK, one with a hole is not."""
    okng.train(folder, options=QUICK)
    inspector = okng.load("flange")
    good, bad = good_parts(1, 64, start=70)[0], with_defect(good_parts(1, 64, start=71)[0])
    inspection = inspector.inspect(save(tmp_path / "new", [bad])[0])
    assert inspection.verdict is okng.Verdict.NG
    assert inspection.regions
    assert inspector.inspect(good).score < inspection.score
    assert json.dumps(inspection.record())


@pytest.mark.usefixtures("home")
def test_what_is_loaded(folder: Path) -> None:
    """A product's name means its newest model, a version that one; the view is as trained."""
    first = okng.train(folder, "cap", options=QUICK)
    roi = okng.TrainingOptions(
        detector="gaussian", size=(64, 32), roi=okng.Box(0, 0, 64, 32), config={"channels": 8}
    )
    second = okng.train(folder, "cap", options=roi)
    assert (first.model.name, second.model.name) == ("cap-1", "cap-2")
    assert okng.load("cap").model.manifest.view.roi == okng.Box(0, 0, 64, 32)
    assert okng.load("cap-1").model.manifest.detector == "memory"
    assert {parity.runtime.split()[0] for parity in first.parity} == {"openvino", "onnxruntime"}
    with pytest.raises(okng.OkngError, match="cap-3"):
        okng.load("cap-3")


@pytest.mark.usefixtures("home")
def test_policy_and_wish(folder: Path) -> None:
    """Sensitivity is chosen in training by a wish, in inspection by a policy."""
    options = okng.TrainingOptions(
        size=(64, 64), config={"bank_size": 64}, wish=okng.Wish(max_overkill=0.4, confidence=0.7)
    )
    training = okng.train(folder, options=options)
    assert training.model.manifest.calibration.promises[0].wanted == 0.4
    inspector = okng.load("flange", policy=okng.Policy(min_area_px=10_000))
    bad = with_defect(good_parts(1, 64, start=71)[0])
    assert inspector.inspect(bad).verdict is okng.Verdict.REVIEW


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"detector": "patchcore"}, "memory, gaussian"),
        (
            {"config": {"bank": 3}},
            r"bank: there is no such setting .*settings of Memory: .*bank_size",
        ),
        ({"config": {"bank_size": 0}}, "bank_size"),
        ({"size": (100, 20)}, "at least 32 px"),
        ({"config": {"stages": ["stride2"]}}, "stride4, stride8, stride16"),
        ({"config": {"backbone": "resnet"}}, "efficientnet_lite0"),
    ],
)
def test_settings_that_cannot_work(folder: Path, options: dict, reason: str) -> None:
    """A setting that cannot work is refused with those that can."""
    with pytest.raises(BadSetting, match=reason):
        okng.train(folder, options=okng.TrainingOptions(**options))


@pytest.mark.usefixtures("home")
def test_a_folder_that_is_no_dataset(tmp_path: Path) -> None:
    """A folder without images is refused, and nothing is kept."""
    with pytest.raises(BadDataset):
        okng.train(tmp_path)


def test_unknown_device(folder: Path, tmp_path: Path) -> None:
    """A device that is not here is refused before any work."""
    settings = Settings(home=tmp_path / "home", device="TPU")
    with pytest.raises(BadSetting, match="TPU"):
        okng.train(folder, settings=settings)


def test_names_are_those_that_are_promised() -> None:
    """Each name of the interface can be had, and no other."""
    for name in okng.__all__:
        assert getattr(okng, name) is not None
    assert dir(okng) == sorted(okng.__all__)
    with pytest.raises(AttributeError, match="no attribute 'utils'"):
        okng.utils  # noqa: B018


def test_the_documented_lines_use_what_there_is() -> None:
    """Every `okng.` name in the documented example is part of the interface."""
    lines = [line.strip() for line in (bootstrap.__doc__ or "").splitlines()]
    used = {
        line.split("okng.")[1].split("(")[0] for line in lines if "okng." in line and "(" in line
    }
    assert used == {"train", "load"}
    assert used <= set(okng.__all__)


def test_importing_okng_costs_nothing() -> None:
    """`import okng` loads none of the heavy packages; asking for a name loads what it needs."""
    heavy = ("numpy", "cv2", "onnx", "onnxruntime", "openvino", "pydantic", "PIL", "typer", "torch")
    code = (
        f"import sys, okng; print([m for m in {heavy} if m in sys.modules]);"
        "okng.load; print('torch' in sys.modules, 'openvino' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "False False"]
