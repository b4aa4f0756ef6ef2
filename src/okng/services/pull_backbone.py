"""Get a known backbone's published weights from the network, and add it."""

import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

from okng.domain.errors import BadSetting
from okng.domain.ports import Progress, Runtime, silent
from okng.graphs.known_backbones import KNOWN, Published, known
from okng.services.add_backbone import Added, BackboneStore, add_backbone
from okng.services.backbone_networks import network_of_weights


class PublishedFiles(Protocol):
    """Where published weights come from."""

    def fetch(
        self, path: str, size_bytes: int, digest: str, to: Path, progress: Progress = silent
    ) -> None:
        """Bring a file to `to`, whole and with that SHA-256, or not at all."""
        ...


def published(name: str) -> tuple[Published, str]:
    """Return where a backbone's weights are published, and their licence.

    Raises:
        BadSetting: okng knows of none.
    """
    fact = known(name)
    if fact is None or fact.published is None:
        names = ", ".join(one.name for one in KNOWN if one.published)
        raise BadSetting(
            f"okng knows of no published weights for {name[:100]!r}, only for {names}; of others "
            "bring the file yourself: okng backbone add NAME --from FILE"
        )
    return fact.published, fact.licence


def pull_backbone(
    name: str,
    files: PublishedFiles,
    downloads: Path,
    runtimes: Sequence[Runtime],
    store: BackboneStore,
    progress: Progress = silent,
) -> Added:
    """Download a known backbone's weights into `downloads`, and add it; nothing is left there.

    What a broken download has brought stays for the next one, and so does the whole file where the
    backbone cannot be added.

    Raises:
        BadSetting: no weights of this name are published, or the disk cannot be written.
        Conflict: there is one already.
        Unavailable: the network or the server does not answer.
        BadBackbone: it is not the published file, or it cannot run here.
    """
    wanted, licence = published(name)
    store.check_free(name)
    # Named by its hash: a newer release's file never goes on where an older one broke off.
    folder = downloads / wanted.sha256[:16]
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / PurePosixPath(wanted.path).name
    files.fetch(wanted.path, wanted.size_bytes, wanted.sha256, file, progress)
    added = add_backbone(name, file, [network_of_weights(file)], licence, runtimes, store)
    shutil.rmtree(folder)
    return added
