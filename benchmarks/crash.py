"""Is anything lost when the service is killed under load?

    python -m benchmarks.crash [--kills 20] [--database postgresql://...]

Clients post the bottle test images; one to four seconds after their first answer the service gets
kill -9, and is started again. Then every answered inspection must be in the store with its image,
and no list may show what cannot be read whole. Without `--database`: SQLite.
"""

import argparse
import hashlib
import sys
import threading
import time

import httpx
import numpy as np

from benchmarks.load import Tally, post, stored
from benchmarks.service import Running, folder_with_model, start
from benchmarks.setting import table

CLIENTS = 8
FIRST_ANSWER_S = 60.0


def main() -> None:
    """Kill, start, count; fail where something is lost or half there."""
    arguments = _arguments()
    rng = np.random.default_rng(0)
    answered: set[str] = set()
    lost: set[str] = set()
    half: list[str] = []
    with folder_with_model() as (home, files):
        images = [file.read_bytes() for file in files]
        known = {hashlib.sha256(image).hexdigest() for image in images}
        service = start(home, arguments.database)
        token = service.token()
        for kill in range(arguments.kills):
            answered |= _load_and_kill(service, token, images, float(rng.uniform(1, 4)))
            service = start(home, arguments.database)
            lost |= answered - stored(service.url, token)
            half += _unreadable(service.url, token, known)
            print(f"kill {kill + 1}: {len(answered)} answered, {len(lost)} lost", file=sys.stderr)
        service.kill()
    rows = [
        ["kills", arguments.kills],
        ["answered", len(answered)],
        ["answered but lost", len(lost)],
        ["half-written", len(half)],
    ]
    name = (arguments.database or "sqlite").split(":")[0]
    table(f"kill -9 under load, {name}", ["what", "number"], rows)
    if lost or half or not answered:
        sys.exit(f"lost {sorted(lost)[:3]}, half-written {half[:3]}")


def _load_and_kill(service: Running, token: str, images: list[bytes], seconds: float) -> set[str]:
    tallies = [Tally() for _ in range(CLIENTS)]
    threads = [
        threading.Thread(target=post, args=(service.url, token, images, tally, None))
        for tally in tallies
    ]
    for thread in threads:
        thread.start()
    until = time.monotonic() + FIRST_ANSWER_S
    while not any(tally.ids for tally in tallies) and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(seconds)
    service.kill()
    for thread in threads:
        thread.join()
    return {i for tally in tallies for i in tally.ids}


def _unreadable(url: str, token: str, known: set[str]) -> list[str]:
    """Return what the newest inspections refer to and cannot be read whole."""
    faults = []
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        page = client.get("/api/v1/inspections", params={"limit": 100}).raise_for_status()
        for item in page.json()["items"]:
            whole = client.get(f"/api/v1/inspections/{item['id']}")
            if whole.status_code != 200 or whole.json()["verdict"] not in ("OK", "REVIEW", "NG"):
                faults.append(f"{item['id']}: {whole.status_code}")
            if item.get("image"):
                image = client.get(f"/api/v1/inspections/{item['id']}/image")
                if hashlib.sha256(image.content).hexdigest() not in known:
                    faults.append(f"image of {item['id']}: {image.status_code}")
    return faults


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--database")
    return parser.parse_args()


if __name__ == "__main__":
    main()
