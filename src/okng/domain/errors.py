"""Every error that okng raises on purpose.

    OkngError
    ├── BadImage        a picture that cannot be inspected
    ├── BadDataset      a folder or list of samples that cannot be understood or used
    ├── BadModel        a model or archive that is damaged, foreign, unsafe or too new
    ├── BadSetting      a value somebody chose that cannot work
    ├── NotFound        a product, version or alias that is not there
    ├── MissingExtra    an optional part that is not installed
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
