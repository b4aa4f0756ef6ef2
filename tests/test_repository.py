"""What holds for the repository as a whole."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from benchmarks.install import installed_bytes, needed_distributions

from okng.version import __version__

ROOT = Path(__file__).resolve().parents[1]
HEAVY = {
    "PIL", "cv2", "jinja2", "numpy", "onnx", "onnxruntime", "openvino", "pydantic",
    "kornia", "lightning_fabric", "pydantic_settings", "torch",
}  # fmt: skip


def modules_after(code: str) -> set[str]:
    """Run `code` in a fresh Python; return the top-level names of all that it imported."""
    script = f"import sys\n{code}\nprint(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.splitlines()[-1].split())


def test_command_line_starts_light() -> None:
    """Importing the command line, as `okng --version` does, loads nothing heavy."""
    loaded = modules_after("import okng.interfaces.cli.app")
    assert "typer" in loaded
    assert loaded & HEAVY == set()


def test_version_command_stays_light() -> None:
    """`okng --version` names the version, and nothing heavy is loaded when it has."""
    code = (
        "from okng.interfaces.cli.app import main\n"
        "sys.argv = ['okng', '--version']\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code"
    )
    assert modules_after(code) & HEAVY == set()
    done = subprocess.run(
        [sys.executable, "-c", code.replace("sys.argv", "import sys; sys.argv", 1)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert __version__ in done.stdout


def test_package_imports_light_and_without_torch() -> None:
    """`import okng` costs nothing heavy."""
    assert modules_after("import okng") & HEAVY == set()


def test_no_module_imports_torch_or_scipy() -> None:
    """Every module of the base package can be imported, and none brings PyTorch or SciPy."""
    code = (
        "import importlib, pkgutil, okng\n"
        "for found in pkgutil.walk_packages(okng.__path__, 'okng.'):\n"
        "    if not found.name.startswith('okng.learning') and '__main__' not in found.name:\n"
        "        importlib.import_module(found.name)"
    )
    loaded = modules_after(code)
    assert "onnx" in loaded
    heavy = {"kornia", "lightning_fabric", "torch", "torchvision", "scipy", "sklearn"}
    assert loaded & heavy == set()


def test_nothing_is_reported_to_anybody(tmp_path: Path) -> None:
    """Starting OpenVINO through okng leaves its telemetry unloaded and writes no client id."""
    pytest.importorskip("openvino", reason="the extra openvino is not installed")
    code = (
        "import sys\n"
        "from okng.adapters.runtimes.openvino import OpenVino, OpenVinoConfig\n"
        "OpenVino(OpenVinoConfig())\n"
        "sys.exit(sys.modules.get('openvino_telemetry') is not None)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    home = dict.fromkeys(("HOME", "USERPROFILE", "LOCALAPPDATA"), str(tmp_path))
    # Where this test fails, nothing shall leave the machine: there is no proxy at this port.
    proxy = dict.fromkeys(("https_proxy", "http_proxy"), "http://127.0.0.1:9")
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment | home | proxy, timeout=60, check=False
    )
    assert done.returncode == 0
    assert list(tmp_path.rglob("*")) == []


def test_install_stays_small() -> None:
    """With OpenVINO okng takes less than 600 MB, and nothing that it needs brings PyTorch."""
    pytest.importorskip("openvino", reason="the extra openvino is not installed")
    needed = needed_distributions("okng", ["openvino"])
    assert {"numpy", "onnxruntime", "openvino"} < needed
    assert "torch" not in needed
    assert 100e6 < installed_bytes("okng", ["openvino"]) < 600e6


def test_changelog_speaks_of_this_version() -> None:
    """The changelog has a section for what is not released, or for the current version."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    sections = re.findall(r"^## \[(.+?)\]", text, re.MULTILINE)
    assert sections
    assert {"Unreleased", __version__} & set(sections)


def locks() -> list[Path]:
    return sorted((ROOT / "requirements").glob("*.txt"))


@pytest.mark.parametrize("lock", locks(), ids=lambda lock: lock.name)
def test_lock_is_whole_and_names_no_host(lock: Path) -> None:
    """Each package is pinned with a hash, and where it comes from is the installer's affair."""
    text = lock.read_text("utf-8")
    assert not re.search(r"://|--(extra-)?index|--find-links|--trusted-host| @ ", text)
    for entry in re.split(r"\n(?=\S)", text.strip()):
        assert re.match(r"[a-z0-9._-]+==\S+( ; .+)? \\\n", entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry
    assert "torch==" not in text


def pins(lock: str) -> set[str]:
    text = (ROOT / "requirements" / lock).read_text("utf-8")
    return set(re.findall(r"^[a-z0-9._-]+==[^\\\n]+", text, re.MULTILINE))


def test_tests_run_on_what_the_demo_installs() -> None:
    """The tests' lock has all of the demo's, so that one environment serves both."""
    assert pins("demo.txt") < pins("test.txt")


def test_locks_have_what_the_project_asks_for() -> None:
    """No dependency was added without `make lock`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["openvino"]]
    locked = {pin.split("==")[0] for pin in pins("demo.txt")}
    assert {re.split(r"[<>=]", name)[0] for name in wanted} <= locked
