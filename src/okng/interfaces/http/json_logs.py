"""Logs for machines: one JSON object a line."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

FIELDS = "okng"
"""Name of the record's attribute that holds further fields: `extra={FIELDS: {...}}`."""


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON in ASCII: no content can forge a line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= getattr(record, FIELDS, {})
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def log_as_json(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Send what okng and the server log to a stream, standard error unless given."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    for name in ("okng", "uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = [handler] if name != "uvicorn.error" else []
        logger.setLevel(level)
        logger.propagate = name == "uvicorn.error"
    logging.getLogger("uvicorn.access").disabled = True
