"""How much of the model's own speed does the service keep under load?

    python -m benchmarks.load [--seconds 60] [--clients 8] [--database postgresql://...]

Clients post the bottle test images to a service with one inference worker on this machine. Beside
it, in the same run, the same model judges the same files in a bare single-thread loop, before and
after. Then one client alone: how much longer than the inspection does its request take?
"""

import argparse
import http.client
import json
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit

import httpx
import numpy as np

from benchmarks.service import PRODUCT, folder_with_model, start
from benchmarks.setting import table
from okng.bootstrap import load
from okng.settings import Settings

BARE_SECONDS = 10.0
SINGLE = 300


@dataclass
class Tally:
    """What one client saw."""

    ids: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    overheads_ms: list[float] = field(default_factory=list)


def main() -> None:
    """Measure, print, and fail where an answer is missing from the store."""
    arguments = _arguments()
    with folder_with_model() as (home, files):
        images = [file.read_bytes() for file in files]
        before = _bare(home, files)
        service = start(home, arguments.database)
        try:
            token = service.token()
            tallies = [Tally() for _ in range(arguments.clients)]
            began = perf_counter()
            until = began + arguments.seconds
            _together(service.url, token, images, tallies, until)
            rate = sum(len(tally.ids) for tally in tallies) / (perf_counter() - began)
            single = Tally()
            post(service.url, token, images, single, until=None, count=SINGLE)
            kept = stored(service.url, token)
        finally:
            service.kill()
        after = _bare(home, files)
    answered = {i for tally in [*tallies, single] for i in tally.ids}
    faults = [fault for tally in [*tallies, single] for fault in tally.faults]
    bare = (before + after) / 2
    rows = [
        ["bare loop, images/s", f"{bare:.1f} ({before:.1f} before, {after:.1f} after)"],
        [f"{arguments.clients} clients, images/s", f"{rate:.1f}"],
        ["share of the bare loop", f"{rate / bare:.2f}"],
        ["answers; faults", f"{len(answered)}; {len(faults)}"],
        ["stored; answered but not stored", f"{len(kept)}; {len(answered - kept)}"],
        ["one client: request less inspection, median ms", f"{np.median(single.overheads_ms):.2f}"],
    ]
    name = (arguments.database or "sqlite").split(":")[0]
    table(f"The service under load for {arguments.seconds:.0f} s, {name}", ["what", "figure"], rows)
    if faults or answered != kept:
        sys.exit(f"answers and store differ, or faults: {faults[:3]}")


def _bare(home: Path, files: Sequence[Path]) -> float:
    inspector = load(PRODUCT, settings=Settings(home=home))
    for file in files[:10]:
        inspector.inspect(file)
    began, count = perf_counter(), 0
    while perf_counter() < began + BARE_SECONDS:
        inspector.inspect(files[count % len(files)])
        count += 1
    return count / (perf_counter() - began)


def _together(
    url: str, token: str, images: Sequence[bytes], tallies: Sequence[Tally], until: float
) -> None:
    threads = [
        threading.Thread(target=post, args=(url, token, images, tally, until)) for tally in tallies
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def post(
    url: str,
    token: str,
    images: Sequence[bytes],
    tally: Tally,
    until: float | None,
    count: int = sys.maxsize,
) -> None:
    """Post images one after another on one connection, until a time or so many."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "image/jpeg"}
    path = f"/api/v1/products/{PRODUCT}/inspections"
    for turn in range(count):
        if until is not None and perf_counter() > until:
            break
        began = perf_counter()
        try:
            connection.request("POST", path, images[turn % len(images)], headers)
            response = connection.getresponse()
            body = response.read()
        except (http.client.HTTPException, OSError) as error:
            tally.faults.append(repr(error))
            break
        took_ms = 1e3 * (perf_counter() - began)
        if response.status >= 300:
            tally.faults.append(f"{response.status} {body[:200]!r}")
            continue
        answer = json.loads(body)
        tally.ids.append(answer["id"])
        tally.overheads_ms.append(took_ms - answer["timing"]["total_ms"])
    connection.close()


def stored(url: str, token: str) -> set[str]:
    """Return the ids of all inspections in the store."""
    ids: set[str] = set()
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        cursor = None
        while True:
            wanted = {"limit": 200} | ({"cursor": cursor} if cursor else {})
            page = client.get("/api/v1/inspections", params=wanted).raise_for_status().json()
            ids.update(item["id"] for item in page["items"])
            cursor = page["cursor"]
            if cursor is None:
                return ids


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--database")
    return parser.parse_args()


if __name__ == "__main__":
    main()
