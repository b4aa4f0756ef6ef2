"""Take models in and out."""

import os
from collections.abc import Callable
from pathlib import Path

from okng.adapters.stores.durable_files import read_limited, replace_file, writing
from okng.adapters.stores.model_archive import SUFFIX, Imported, export_archive, import_archive
from okng.bootstrap.building import runtime, store
from okng.domain.errors import BadModel, BadSetting
from okng.domain.model import Model
from okng.services.parity import check_parity
from okng.settings import Settings


def export_model(
    reference: str, to: Path, force: bool, settings: Settings, key: Path | None = None
) -> Path:
    """Write a model with its calibrations to the file `to`, or into the folder `to`.

    With a private `key` (a PEM file) its signature is written beside it.

    Raises:
        BadSetting: the file is there and `force` is False, or it cannot be written.
    """
    models = store(settings)
    model = models.load(reference)
    path = to / f"{model.name}{SUFFIX}" if to.is_dir() else to
    if path.exists() and not force:
        raise BadSetting(f"{path} is there already: name another file, or replace it with --force")
    private = None if key is None else _read_text(key)
    written = export_archive(model, models.calibrations(model.name)[1:], path)
    if private is not None:
        from okng.adapters.security.signatures import sign

        signature = sign(written.read_bytes(), private)
        with writing(written.parent):
            replace_file(signature_of(written), signature.encode())
    return written


def signature_of(archive: Path) -> Path:
    """Return where an archive's signature lies: beside it."""
    from okng.adapters.security.signatures import SUFFIX as SIGNATURE

    return archive.with_name(archive.name + SIGNATURE)


def make_key(private: Path) -> str:
    """Write a new private key that signs models, for its owner's eyes alone; return the public one.

    Raises:
        BadSetting: the file is there already, or cannot be written.
    """
    from okng.adapters.security.signatures import new_key

    pair = new_key()
    try:
        descriptor = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise BadSetting(f"{private} cannot be made: {error.strerror}; name another") from error
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(pair.private)
    return pair.public


def import_model(file: Path, product: str | None, settings: Settings) -> Imported:
    """Take in an exported model, under its own product or `product`.

    Where the settings name keys, its signature must lie beside it and be by one of them.

    Raises:
        BadModel: it is damaged, or not signed as the settings demand.
        ParityError: the runtime gives its golden images other scores; it is not taken in.
    """
    if settings.signing_keys:
        from okng.adapters.security.signatures import verify_archive

        beside = signature_of(file)
        signature = _read_text(beside) if beside.is_file() else None
        verify_archive(_read_archive(file), signature, settings.signing_keys)
    return import_archive(file, store(settings), product, approve=approval(settings))


def _read_text(file: Path) -> str:
    """Read a key or a signature, which are small."""
    try:
        return read_limited(file, 4096, str(file)).decode("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"{file} cannot be read as a key or a signature: {error}") from error


def _read_archive(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadModel(f"{file} cannot be read: {error.strerror}") from error


def approval(settings: Settings) -> Callable[[Model], object]:
    """Return what makes sure that a model from elsewhere scores here as it did there."""
    chosen = runtime(settings)
    return lambda model: check_parity(model, [chosen], settings.max_pixels)
