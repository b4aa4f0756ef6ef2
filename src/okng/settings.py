"""The process's own settings, from the environment."""

import os
import sys
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from okng.domain.errors import BadSetting


def default_home() -> Path:
    """Return the folder of this user's data, as the operating system has it.

    Linux follows the XDG Base Directory Specification 0.8: a relative XDG_DATA_HOME is ignored.
    """
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "okng"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "okng"
    data = Path(os.environ.get("XDG_DATA_HOME", ""))
    return (data if data.is_absolute() else Path.home() / ".local" / "share") / "okng"


class Settings(BaseSettings):
    """What a process of okng is told by its environment: `OKNG_HOME`, `OKNG_RUNTIME`, ..."""

    model_config = SettingsConfigDict(
        env_prefix="OKNG_", env_ignore_empty=True, frozen=True, extra="forbid"
    )

    home: Path = Field(
        default_factory=default_home,
        title="Data folder",
        description="Where models are kept. A folder of the user's own by default.",
    )
    runtime: str = Field(
        default="auto",
        title="Runtime",
        description="What runs the graphs: auto, openvino, onnxruntime or an allowed plug-in; auto "
        "takes OpenVINO where it is installed.",
        min_length=1,
        max_length=100,
    )
    device: str = Field(
        default="CPU",
        title="Device",
        description="The runtime's own name of the device, passed through as it is.",
        min_length=1,
        max_length=100,
    )
    precision: str = Field(
        default="f32",
        title="Precision",
        description="The runtime's own name of the precision, passed through as it is.",
        min_length=1,
        max_length=20,
    )
    threads: int = Field(
        default=1, title="Threads", description="Threads of each worker.", ge=1, le=256
    )
    plugins: tuple[str, ...] = Field(
        default=(),
        title="Plug-ins",
        description="Names of third-party detectors and runtimes that may be loaded, as JSON.",
    )
    max_pixels: int = Field(
        default=100_000_000,
        title="Pixel limit",
        description="An image with more pixels is refused before it is decoded.",
        ge=1,
        le=10_000_000_000,
    )


def read_settings() -> Settings:
    """Read the environment.

    Raises:
        BadSetting: a variable has a value that cannot be used.
    """
    try:
        return Settings()
    except ValidationError as error:
        faults = "; ".join(
            f"OKNG_{'_'.join(map(str, fault['loc'])).upper()}={fault['input']!r}: {fault['msg']}"
            for fault in error.errors()
        )
        raise BadSetting(f"the environment has a setting that cannot be used: {faults}") from error
