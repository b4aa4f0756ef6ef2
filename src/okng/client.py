"""A typed client of okng's HTTP service.

    import okng

    with okng.Client("http://127.0.0.1:8000", token="okng_...") as client:
        answer = client.inspect("bottle", "new.png", part_id="A-17")
        print(answer.verdict, answer.score, answer.regions)

What cannot reach the service, or is refused for a moment, is tried again; an inspection carries
an idempotency key, so that trying again never inspects twice.
"""

import json
import time
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote
from uuid import uuid4

import numpy as np

from okng.domain import errors
from okng.domain.arrays import Floats, Pixels
from okng.domain.errors import MissingExtra, OkngError, Unavailable
from okng.domain.inspection import Timing
from okng.domain.records import JobState
from okng.domain.verdict import Region, Verdict
from okng.domain.view import Box

try:
    import httpx
except ModuleNotFoundError as error:
    raise MissingExtra("httpx", "client") from error

_API = "/api/v1"
_UPLOAD_PART = 8 << 20
_FIRST_WAIT_S = 0.2
_PASSING = frozenset({429, 502, 503, 504})
"""Statuses that may be another one a moment later."""

_BY_CODE: Mapping[str, type[OkngError]] = {
    kind.code: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, OkngError) and kind is not MissingExtra
}

Image = str | Path | bytes | Pixels
"""A file, a file's content, or uint8 `[H, W, 3]` RGB."""


class ServiceFault(OkngError):
    """The service answered with something that okng does not know."""

    code = "service"


@dataclass(frozen=True)
class Answer:
    """What the service made of one image.

    For `ERROR` the figures are None and `error` says what went wrong. Where the model names kinds
    of defect, `classes` has the probability of each class. `overlay` (a JPEG file) and
    `anomaly_map` (float32 `[h, w]`, in the units of `score`) are there where they were asked for.
    """

    id: str
    at: datetime
    product: str
    verdict: Verdict
    model: str
    graph_sha256: str
    calibration: int
    review_threshold: float
    ng_threshold: float
    score: float | None
    p_value: float | None
    kind: str | None
    classes: Mapping[str, float]
    regions: tuple[Region, ...]
    timing: Timing | None
    error: str | None
    part_id: str | None
    lot: str | None
    view: str | None
    camera: str | None
    station: str | None
    reviewed: Verdict | None
    overlay: bytes | None = field(default=None, repr=False, compare=False)
    anomaly_map: Floats | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Training:
    """How far a training is."""

    id: str
    state: JobState
    stage: str
    done: int
    total: int
    model: str | None
    error: str | None

    @property
    def ended(self) -> bool:
        return self.state in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class Client:
    """Talks to one service; may be used by several threads. A context manager.

    Raises (every method): the error that the service names (`NotFound`, `Forbidden`, ...), and
    `Unavailable` where it cannot be reached.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        token: str | None = None,
        *,
        timeout_s: float = 60.0,
        retries: int = 4,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(
            base_url=url, headers=headers, timeout=timeout_s, transport=transport
        )
        self._retries = retries

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def inspect(
        self,
        product: str,
        image: Image,
        *,
        part_id: str | None = None,
        lot: str | None = None,
        view: str | None = None,
        camera: str | None = None,
        station: str | None = None,
        model: str | None = None,
        calibration: int | None = None,
        overlay: bool = False,
        anomaly_map: bool = False,
        key: str | None = None,
    ) -> Answer:
        """Have one image judged.

        Args:
            product: whose model judges.
            image: a file, a file's content, or uint8 `[H, W, 3]` RGB.
            part_id: the physical part; its verdict is the worst of its inspections. Like `lot`,
                `view`, `camera` and `station` it can be searched for.
            model: `bottle-3` or `bottle@candidate`; the product's champion unless given.
            calibration: its number; the newest unless given.
            overlay: answer with the image under its heatmap.
            anomaly_map: answer with the raw map.
            key: tells a repeat from a new inspection; a fresh one unless given.
        """
        name, content, headers = _encoded(image)
        wanted = [("include", "overlay")] * overlay + [("include", "map")] * anomaly_map
        said = {
            "name": name,
            "part_id": part_id,
            "lot": lot,
            "view": view,
            "camera": camera,
            "station": station,
            "model": model,
            "calibration": calibration,
        }
        query = [(key, str(value)) for key, value in said.items() if value is not None]
        response = self._send(
            "POST",
            f"/products/{_part(product)}/inspections",
            params=query + wanted,
            content=content,
            headers={**headers, "Idempotency-Key": key or uuid4().hex},
            repeatable=True,
        )
        return _answer(response.json())

    def inspection(self, inspection_id: str) -> Answer:
        """Return a stored inspection."""
        return _answer(self._get(f"/inspections/{_part(inspection_id)}"))

    def inspections(self, **wanted: str | int | bool) -> Iterator[Answer]:
        """Yield inspections, newest first, page by page as they are asked for.

        `wanted`: product, verdict, since, until, part_id, lot, camera, station, model, reviewed,
        order, limit (of a page).
        """
        for item in self._pages("/inspections", wanted):
            yield _answer(item)

    def part_verdict(self, product: str, part_id: str) -> Verdict:
        """Return the worst verdict of a part's inspections."""
        path = f"/products/{_part(product)}/parts/{_part(part_id)}"
        return Verdict(self._get(path)["verdict"])

    def review(
        self, inspection_id: str, verdict: Verdict, defect: str | None = None, note: str = ""
    ) -> None:
        """Say what a part really was."""
        body = {"verdict": Verdict(verdict).value, "defect": defect, "note": note}
        self._send("POST", f"/inspections/{_part(inspection_id)}/reviews", json=body)

    def products(self) -> list[str]:
        """Return the products' names."""
        return [item["name"] for item in self._get("/products")["items"]]

    def create_product(self, name: str, title: str = "") -> None:
        self._send("POST", "/products", json={"name": name, "title": title})

    def upload_dataset(self, product: str, archive: str | Path) -> str:
        """Send a ZIP file of images in parts, each repeated where the network fails.

        Returns:
            The dataset's id.
        """
        path = Path(archive)
        size = path.stat().st_size
        body = {"name": path.name, "size": size}
        upload = self._send("POST", f"/products/{_part(product)}/uploads", json=body).json()
        place = f"/uploads/{upload['id']}"
        with path.open("rb") as file:
            while upload["received"] < size:
                file.seek(upload["received"])
                upload = self._send_part(place, file.read(_UPLOAD_PART), upload["received"])
        received = self._send("POST", f"{place}/complete", repeatable=True).json()
        return str(received["dataset"]["id"])

    def train(self, product: str, dataset_id: str, **options: object) -> Training:
        """Start a training; `options` as the OpenAPI document has them."""
        body = {"dataset_id": dataset_id, **options}
        path = f"/products/{_part(product)}/jobs"
        return _training(self._send("POST", path, json=body).json())

    def training(self, job_id: str) -> Training:
        return _training(self._get(f"/jobs/{_part(job_id)}"))

    def wait(self, job_id: str, timeout_s: float = 3600.0, interval_s: float = 0.5) -> Training:
        """Return a training when it has ended.

        Raises:
            Unavailable: it has not within `timeout_s`.
        """
        until = time.monotonic() + timeout_s
        while not (training := self.training(job_id)).ended:
            if time.monotonic() >= until:
                raise Unavailable(f"the training {job_id} has not ended in {timeout_s:g} s")
            time.sleep(interval_s)
        return training

    def promote(self, product: str, model: str, alias: str = "champion") -> None:
        """Let a model be the one that inspects."""
        path = f"/products/{_part(product)}/aliases/{_part(alias)}"
        self._send("PUT", path, json={"model": model})

    def _get(self, path: str, params: Any = None) -> Any:
        return self._send("GET", path, params=params, repeatable=True).json()

    def _pages(self, path: str, wanted: Mapping[str, object]) -> Iterator[Any]:
        query = {key: _said(value) for key, value in wanted.items()}
        while True:
            page = self._get(path, query)
            yield from page["items"]
            if page["cursor"] is None:
                return
            query["cursor"] = page["cursor"]

    def _send_part(self, place: str, part: bytes, start: int) -> Any:
        """Send a part; where its answer was lost, go on where the service says."""
        headers = {"Upload-Offset": str(start), "Content-Type": "application/octet-stream"}
        wait_s = _FIRST_WAIT_S
        for left in reversed(range(self._retries + 1)):
            try:
                return self._send("PATCH", place, content=part, headers=headers).json()
            except (Unavailable, errors.TooMany, errors.Conflict):
                upload = self._get(place)
                if upload["received"] != start:
                    return upload
                if upload["state"] != "open" or not left:
                    raise
            time.sleep(wait_s)
            wait_s *= 2
        raise AssertionError("a last try returns or raises")

    def _send(
        self, method: str, path: str, *, repeatable: bool = False, **sent: Any
    ) -> httpx.Response:
        """Send a request; one that may be repeated is, after 0.2, 0.4, 0.8, ... seconds."""
        wait_s = _FIRST_WAIT_S
        for left in reversed(range(self._retries + 1 if repeatable else 1)):
            try:
                response = self._http.request(method, _API + path, **sent)
            except httpx.TransportError as error:
                if not left:
                    url = self._http.base_url
                    raise Unavailable(f"okng at {url} cannot be reached: {error}") from error
            else:
                if response.is_success:
                    return response
                if response.status_code not in _PASSING or not left:
                    raise _refusal(response)
                wait_s = max(wait_s, _retry_after(response))
            time.sleep(wait_s)
            wait_s = min(wait_s * 2, 10.0)
        raise AssertionError("a last try returns or raises")


def _encoded(image: Image) -> tuple[str | None, bytes, dict[str, str]]:
    """Return an image's name, its bytes, and the headers that describe them."""
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise errors.BadImage("pixels must be uint8 [height, width, 3], RGB: convert them")
        shape = ",".join(map(str, image.shape))
        headers = {"Content-Type": "application/octet-stream", "X-Image-Shape": shape}
        return None, np.ascontiguousarray(image).tobytes(), headers
    headers = {"Content-Type": "application/octet-stream"}
    if isinstance(image, bytes):
        return None, image, headers
    path = Path(image)
    try:
        return path.name[:200], path.read_bytes(), headers
    except OSError as error:
        raise errors.BadImage(f"{path}: cannot be read ({error.strerror})") from error


def _answer(record: Mapping[str, Any]) -> Answer:
    timing = record["timing"]
    overlay, shown = record.get("overlay"), record.get("map")
    plain = {
        name: record[name]
        for name in (
            "id", "product", "model", "graph_sha256", "calibration", "review_threshold",
            "ng_threshold", "score", "p_value", "error", "part_id", "lot", "view", "camera",
            "station",
        )
    }  # fmt: skip
    stages = ("decode_ms", "view_ms", "graph_ms", "decide_ms")
    return Answer(
        **plain,
        at=datetime.fromisoformat(record["at"]),
        verdict=Verdict(record["verdict"]),
        kind=record.get("kind"),
        classes=dict(record.get("classes", {})),
        regions=tuple(_region(region) for region in record["regions"]),
        timing=None if timing is None else Timing(*(timing[stage] for stage in stages)),
        reviewed=None if record["reviewed"] is None else Verdict(record["reviewed"]),
        overlay=None if overlay is None else b64decode(overlay),
        anomaly_map=None if shown is None else _map(shown["data"], shown["shape"]),
    )


def _region(record: Mapping[str, Any]) -> Region:
    return Region(Box(**record["box"]), record["area_px"], record["peak_score"], record["kind"])


def _map(data: str, shape: Sequence[int]) -> Floats:
    return np.frombuffer(b64decode(data), "<f4").reshape(shape).astype(np.float32)


def _training(record: Mapping[str, Any]) -> Training:
    names = ("id", "stage", "done", "total", "model", "error")
    return Training(state=JobState(record["state"]), **{name: record[name] for name in names})


def _refusal(response: httpx.Response) -> OkngError:
    """Turn problem+json back into the error that it was."""
    try:
        problem = response.json()
        code, detail = problem["code"], problem["detail"]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError):
        return ServiceFault(f"{response.url} answered {response.status_code}: is this okng?")
    kind = errors.BadRequest if code == "invalid" else _BY_CODE.get(code, ServiceFault)
    return kind(detail)


def _retry_after(response: httpx.Response) -> float:
    stated = response.headers.get("Retry-After", "")
    return min(float(stated), 10.0) if stated.isdecimal() else 0.0


def _said(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _part(text: str) -> str:
    return quote(text, safe="")
