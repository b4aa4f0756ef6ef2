"""The process's own settings."""

import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from okng.domain.errors import BadSetting
from okng.settings import Settings, default_home, read_settings


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"OKNG_{name.upper()}", raising=False)


def test_environment_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """OKNG_ variables set what they name; what is not set, or set to nothing, is the default."""
    monkeypatch.setenv("OKNG_HOME", str(tmp_path))
    monkeypatch.setenv("OKNG_THREADS", "4")
    monkeypatch.setenv("OKNG_RUNTIME", "")
    settings = read_settings()
    assert (settings.home, settings.threads, settings.runtime) == (tmp_path, 4, "auto")
    assert (settings.device, settings.precision, settings.max_pixels) == ("CPU", "f32", 10**8)


@pytest.mark.parametrize(
    ("name", "value"),
    [("THREADS", "0"), ("THREADS", "257"), ("THREADS", "two"), ("RUNTIME", "x" * 200),
     ("MAX_PIXELS", "-1"), ("DEVICE", "x" * 200)],
)  # fmt: skip
def test_bad_value_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that cannot be used is one BadSetting that names the variable."""
    monkeypatch.setenv(f"OKNG_{name}", value)
    with pytest.raises(BadSetting, match=f"OKNG_{name}="):
        read_settings()


def test_no_password_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database's URL that cannot be used is named without its password."""
    monkeypatch.setenv("OKNG_DATABASE", "postgresql://okng:hunter2@host/" + "x" * 1000)
    with pytest.raises(BadSetting, match="OKNG_DATABASE=") as refused:
        read_settings()
    assert "hunter2" not in str(refused.value)


def test_settings_do_not_change_and_know_no_others() -> None:
    """Settings are frozen, and a name that okng does not know is refused."""
    with pytest.raises(ValidationError, match="frozen"):
        Settings().threads = 2
    with pytest.raises(ValidationError, match="colour"):
        Settings(colour="red")


def test_every_setting_explains_itself() -> None:
    """Each field has a title and a description, which forms and documents show."""
    assert all(field.title and field.description for field in Settings.model_fields.values())


@pytest.mark.parametrize(
    ("platform", "variable", "ending"),
    [
        ("linux", "XDG_DATA_HOME", "own/okng"),
        ("linux", None, "user/.local/share/okng"),
        ("darwin", None, "user/Library/Application Support/okng"),
        ("win32", "LOCALAPPDATA", "own/okng"),
        ("win32", None, "user/AppData/Local/okng"),
    ],
)
def test_home_is_where_the_system_keeps_data(
    platform: str,
    variable: str | None,
    ending: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The data folder is a per-user one, as each system has it."""
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "user")
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, str(tmp_path / "own"))
    assert default_home() == tmp_path / ending


def test_relative_xdg_folder_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The XDG specification has relative paths ignored."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert default_home() == Path.home() / ".local" / "share" / "okng"
