"""What the README tells people to type works as it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from okng.adapters.sources.machined_part import DEFECTS, MachinedPartConfig, write_dataset
from okng.domain.ports import silent
from okng.testing.backbones import stand_in_backbone

README = Path(__file__).resolve().parents[1] / "README.md"
VERDICTS = FINDINGS = (0, 1, 3)
TESTED_ELSEWHERE = {"okng serve", "okng backbone pull dinov2-small"}
"""With a real process, and with a server of the tests' own."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """Return the okng commands of the README that end, in their order, without the comments."""
    lines = "".join(blocks("sh")).splitlines()
    typed = [line.split(" #")[0].strip() for line in lines if line.startswith("okng ")]
    assert set(typed) >= TESTED_ELSEWHERE
    return [command for command in typed if command not in TESTED_ELSEWHERE]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the README takes it for granted: parts/bottle, new/*.jpg, new.png, caught/.

    The backbone that would be pulled is there: okng's own, under its name.
    """
    place = tmp_path_factory.mktemp("readme")
    config = MachinedPartConfig(size_px=128)
    write_dataset(place / "parts" / "bottle", config, 24, 6, 2, silent)
    write_dataset(place / "more", config.model_copy(update={"seed": 1}), 1, 3, 14, silent)
    (place / "more" / "test" / "good").rename(place / "new")
    (place / "caught").mkdir()
    for name in DEFECTS:
        (place / "more" / "test" / name).rename(place / "caught" / name)
    (place / "new.png").write_bytes((place / "new" / "0000.jpg").read_bytes())
    large = config.model_copy(update={"size_px": 640})
    write_dataset(place / "parts" / "casing", large, 3, 0, 0, silent)
    stand_in_backbone(place / "home" / "backbones", "dinov2-small")
    return place


@pytest.fixture(scope="module")
def environment(place: Path) -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**os.environ, "OKNG_HOME": str(place / "home"), "PATH": path}


@pytest.mark.timeout(900)
def test_the_tour_works(place: Path, environment: dict[str, str]) -> None:
    """Each command of the README, typed in its order, does its work."""
    typed = commands()
    assert len(typed) >= 7
    for command in typed:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=place,
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
        )
        verb = command.split()[1]
        allowed = {"inspect": VERDICTS, "doctor": FINDINGS}.get(verb, (0,))
        assert done.returncode in allowed, f"{command}\n{done.stdout}\n{done.stderr}"
    assert list((place / "out").glob("*.jpg"))
    assert list((place / "home" / "reports").glob("bottle-*/evaluation.html"))


def test_the_python_example_works(place: Path, environment: dict[str, str]) -> None:
    """The README's Python prints a verdict and a score."""
    (code,) = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert re.match(r"(OK|REVIEW|NG) \d+\.\d+ ", done.stdout)


def test_what_it_links_to_is_there() -> None:
    """Every file that the README names by a link exists."""
    links = re.findall(r"\]\(([^)#:]+)\)", README.read_text())
    assert links
    assert [link for link in links if not (README.parent / link).exists()] == []
