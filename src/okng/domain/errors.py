"""Every error that okng raises on purpose.

    OkngError
    ├── BadImage        a picture that cannot be inspected
    ├── BadDataset      a folder or list of samples that cannot be understood or used
    ├── BadModel        a model or archive that is damaged, foreign, unsafe or too new
    ├── BadBackup       a backup that is damaged, foreign, unsafe or of another version
    ├── BadSetting      a value somebody chose that cannot work
    ├── NotFound        a product, version or alias that is not there
    ├── MissingExtra    an optional part that is not installed
    ├── NotSignedIn     whoever asks has not said who he is, or not rightly
    ├── Forbidden       whoever asks may not do this
    ├── Conflict        what is there already stands against it
    ├── BadRequest      a request that cannot be understood
    ├── TooLarge        more than a limit allows
    ├── TooMany         more, or more often, than can be taken now
    ├── TrainingFailed  a training ended without a model
    ├── DamagedContent  a stored file is no longer what was stored
    ├── Unavailable     something okng needs does not answer now (the database, ...)
    ├── BadBackbone     weights or a network that cannot serve as a backbone
    └── ParityError     two runtimes disagree about the same graph

Each message says what is wrong and how to mend it. `code` is stable, for programs.
"""

from typing import ClassVar


class OkngError(Exception):
    """Something okng refuses, with the reason and the mend in its message."""

    code: ClassVar[str] = "error"


class BadImage(OkngError):
    code = "bad-image"


class BadDataset(OkngError):
    code = "bad-dataset"


class BadModel(OkngError):
    code = "bad-model"


class BadSetting(OkngError):
    code = "bad-setting"


class NotFound(OkngError):
    code = "not-found"


class MissingExtra(OkngError):
    code = "missing-extra"

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} is not installed: pip install 'okng[{extra}]'")


class ParityError(OkngError):
    code = "parity"


class NotSignedIn(OkngError):
    code = "not-signed-in"


class Forbidden(OkngError):
    code = "forbidden"


class Conflict(OkngError):
    code = "conflict"


class BadRequest(OkngError):
    code = "bad-request"


class TooLarge(OkngError):
    code = "too-large"


class TooMany(OkngError):
    code = "too-many-requests"

    def __init__(self, message: str, retry_seconds: int | None = None) -> None:
        super().__init__(message)
        self.retry_seconds = retry_seconds


class Unavailable(OkngError):
    code = "unavailable"


class DamagedContent(OkngError):
    code = "damaged-content"


class TrainingFailed(OkngError):
    code = "training-failed"


class BadBackup(OkngError):
    code = "bad-backup"


class BadBackbone(OkngError):
    code = "bad-backbone"
