"""The file to which the audit log's heads are copied: a line for each, none ever replaced."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path

from okng.domain.errors import BadSetting
from okng.domain.people import Anchor

_LINE = re.compile(r"(\S+) ([1-9]\d{0,17}) ([0-9a-f]{64})")


class AnchorLines:
    """An `AnchorFile`. Its lines read `time number sha256`.

    It guards the log only where whoever could change the database cannot change the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, anchor: Anchor) -> None:
        """Add an anchor, through to the disk.

        Raises:
            BadSetting: it cannot be written.
        """
        at = anchor.at.astimezone(UTC).isoformat(timespec="microseconds")
        line = f"{at} {anchor.number} {anchor.hash}\n"
        try:
            with self._path.open("ab") as file:
                file.write(line.encode("ascii"))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise BadSetting(
                f"the audit anchor file {self._path} cannot be written ({error.strerror}): make "
                "its folder, or name another (OKNG_ANCHOR_FILE)"
            ) from error

    def read(self) -> list[Anchor]:
        """Return all anchors, oldest first.

        Raises:
            BadSetting: it cannot be read, or holds something else.
        """
        try:
            text = self._path.read_text("ascii")
        except OSError as error:
            raise BadSetting(
                f"the audit anchor file {self._path} cannot be read ({error.strerror}): name the "
                "file that okng serve writes (OKNG_ANCHOR_FILE, --anchors)"
            ) from error
        except UnicodeError as error:
            raise BadSetting(f"{self._path} is no audit anchor file") from error
        return [self._parsed(line, index) for index, line in enumerate(text.splitlines(), 1)]

    def _parsed(self, line: str, index: int) -> Anchor:
        found = _LINE.fullmatch(line)
        try:
            if found is not None:
                at = datetime.fromisoformat(found[1])
                if at.tzinfo is not None:
                    return Anchor(at, int(found[2]), found[3])
        except ValueError:
            pass
        raise BadSetting(
            f"line {index} of {self._path} is no audit anchor (time, number, SHA-256): somebody "
            "changed the file, or it is another one"
        )
