"""The process's own settings, from the environment."""

import os
import sys
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails
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

    weights_url: str = Field(
        default="https://huggingface.co",
        title="Published weights",
        description="Where `okng backbone pull` gets published weights: another URL names a mirror "
        "that has the same paths.",
        max_length=1000,
    )

    database: str = Field(
        default="",
        title="Database",
        description="Where the service keeps its records: a URL as in "
        "postgresql://user:password@host/okng; a SQLite file in the data folder unless given.",
        max_length=1000,
    )
    tls_cert: Path | None = Field(
        default=None,
        title="TLS certificate",
        description="The service's certificate with its chain, PEM; goes with the key.",
    )
    tls_key: Path | None = Field(
        default=None, title="TLS key", description="The certificate's private key, PEM."
    )
    workers: int = Field(
        default=1,
        title="Inspection workers",
        description="Threads that inspect in the service, each with a session of its own.",
        ge=1,
        le=64,
    )
    queue_size: int = Field(
        default=64,
        title="Inspection queue",
        description="Images that may wait for a worker; more are refused for a moment.",
        ge=1,
        le=10_000,
    )
    model_idle_s: float = Field(
        default=900.0,
        title="Idle models, seconds",
        description="A model that was not used for this long leaves the memory.",
        ge=1,
        le=31_536_000,
    )
    queue_seconds: float = Field(
        default=10.0,
        title="Longest wait, seconds",
        description="An image that no worker took within this time gets the verdict ERROR.",
        gt=0,
        le=600,
    )
    shift_starts: str = Field(
        default="06:00,14:00,22:00",
        title="Shifts",
        description="When shifts begin, in the time of this machine; the live page counts by them.",
        max_length=200,
    )
    max_listeners: int = Field(
        default=100,
        title="Live pages",
        description="Pages that may watch inspections as they happen; each is a connection.",
        ge=1,
        le=10_000,
    )
    max_models: int = Field(
        default=8,
        title="Models in memory",
        description="Models that each worker has ready at most; the least used leaves first.",
        ge=1,
        le=1000,
    )
    keep_ok_images: bool = Field(
        default=False,
        title="Keep OK images",
        description="Whether whole images of OK parts are kept too, not only thumbnails.",
    )
    max_image_bytes: int = Field(
        default=64 << 20,
        title="Image limit, bytes",
        description="A larger image is refused before it is read whole.",
        ge=1 << 10,
        le=1 << 32,
    )
    max_batch_images: int = Field(
        default=64,
        title="Batch limit, images",
        description="Images that one batch may hold.",
        ge=1,
        le=1000,
    )
    max_batch_bytes: int = Field(
        default=256 << 20,
        title="Batch limit, bytes",
        description="All images of a batch together.",
        ge=1 << 10,
        le=1 << 34,
    )
    max_upload_bytes: int = Field(
        default=8 << 30,
        title="Dataset limit, bytes",
        description="A dataset's archive, and what it unpacks to, may not be larger.",
        ge=1 << 10,
        le=1 << 44,
    )
    max_upload_files: int = Field(
        default=100_000,
        title="Dataset limit, files",
        description="Files that a dataset's archive may hold.",
        ge=1,
        le=10_000_000,
    )
    max_upload_part_bytes: int = Field(
        default=16 << 20,
        title="Upload part limit, bytes",
        description="A part of an upload that resumes may not be larger.",
        ge=1 << 10,
        le=1 << 30,
    )
    max_model_bytes: int = Field(
        default=1 << 30,
        title="Model limit, bytes",
        description="An imported model's archive may not be larger.",
        ge=1 << 10,
        le=1 << 34,
    )
    dataset_roots: tuple[Path, ...] = Field(
        default=(),
        title="Dataset folders",
        description="Folders, as JSON, below which the service may read datasets in place.",
    )
    signing_keys: tuple[str, ...] = Field(
        default=(),
        title="Keys that sign models",
        description="Ed25519 public keys, base64, as JSON. Where there is one, an imported model "
        "must be signed by one of them.",
    )
    session_hours: float = Field(
        default=12.0,
        title="Session, hours",
        description="Whoever signed in must do so again after this time.",
        gt=0,
        le=720,
    )
    session_idle_minutes: float = Field(
        default=120.0,
        title="Idle session, minutes",
        description="A session that is not used ends after this time.",
        gt=0,
        le=43_200,
    )
    keep_ok_days: float = Field(
        default=30.0,
        title="Keep OK images, days",
        description="Images of OK parts that nobody reviewed go after this time.",
        ge=0,
        le=36_500,
    )
    keep_ng_days: float = Field(
        default=365.0,
        title="Keep other images, days",
        description="Images of NG, REVIEW and ERROR that nobody reviewed go after this time; "
        "reviewed ones are kept.",
        ge=0,
        le=36_500,
    )
    keep_thumbnails_days: float = Field(
        default=90.0,
        title="Keep OK thumbnails, days",
        description="Thumbnails of OK parts that nobody reviewed go after this time.",
        ge=0,
        le=36_500,
    )
    max_kept_bytes: int = Field(
        default=0,
        title="Kept images, bytes",
        description="Beyond this the oldest images of OK parts go first; 0 is no limit.",
        ge=0,
        le=1 << 60,
    )
    retention_interval_s: float = Field(
        default=600.0,
        title="Retention interval, seconds",
        description="How often the retention rules run.",
        ge=1,
        le=86_400,
    )
    anchor_file: Path | None = Field(
        default=None,
        title="Audit anchor file",
        description="A file, better on another machine's disk, to which the audit log's head is "
        "written at an interval.",
    )
    anchor_interval_s: float = Field(
        default=3600.0,
        title="Audit anchor interval, seconds",
        description="How often the head is written.",
        ge=1,
        le=604_800,
    )

    @property
    def database_url(self) -> str:
        """The database's URL; a SQLite file in the data folder unless one is set."""
        return self.database or f"sqlite:///{self.home.absolute() / 'okng.db'}"


def read_settings() -> Settings:
    """Read the environment.

    Raises:
        BadSetting: a variable has a value that cannot be used.
    """
    try:
        return Settings()
    except ValidationError as error:
        faults = "; ".join(
            f"OKNG_{'_'.join(map(str, fault['loc'])).upper()}={_shown(fault)}: {fault['msg']}"
            for fault in error.errors()
        )
        raise BadSetting(f"the environment has a setting that cannot be used: {faults}") from error


def _shown(fault: ErrorDetails) -> str:
    """Return what was set, but not a password."""
    return "..." if fault["loc"] == ("database",) else repr(fault["input"])
