"""`okng models`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from okng.domain.counting import counted
from okng.interfaces.cli import options, wording
from okng.interfaces.cli.exit_codes import EPILOG
from okng.interfaces.cli.output import Output
from okng.interfaces.cli.reporting import Command, Group

if TYPE_CHECKING:
    from okng.adapters.stores.model_folder import FolderModelStore
    from okng.domain.calibration import Calibration
    from okng.domain.model import Manifest, ModelEntry

app = typer.Typer(
    cls=Group,
    help="List, show, export, import, promote and delete models.",
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Reference = Annotated[
    str, typer.Argument(metavar="REF", help="bottle (its champion), bottle-3, bottle@candidate.")
]


@app.callback(invoke_without_command=True)
def models(ctx: typer.Context, as_json: options.Json = False) -> None:
    """List, show, export, import, promote and delete models. Alone it lists them."""
    if ctx.invoked_subcommand is None:
        _list(None, as_json)
    elif as_json:
        raise typer.BadParameter(f"write --json after {ctx.invoked_subcommand}")


@app.command("list", cls=Command)
def list_models(
    product: Annotated[
        str | None, typer.Argument(metavar="[PRODUCT]", help="Only this one's models.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """List the models there are."""
    _list(product, as_json)


@app.command(cls=Command)
def show(reference: Reference, as_json: options.Json = False) -> None:
    """Show a model: its data, view and promise."""
    from dataclasses import asdict

    output, store = Output(as_json), _store()
    manifest = store.manifest(reference)
    name = f"{manifest.product}-{manifest.version}"
    entry = next(one for one in store.list(manifest.product) if one.name == name)
    active = store.calibration(name)
    output.line(name + _aliases(entry), style="bold")
    output.line()
    output.card(_card(manifest))
    output.line()
    output.line(f"Calibration {active.version} of {len(entry.calibrations)}, in use")
    output.card(wording.calibration_rows(active))
    if entry.damage:
        output.warn(entry.damage)
    record = asdict(manifest)
    record["calibration"] = wording.calibration_record(manifest.calibration)
    record["data"] = manifest.data.record()
    record["view"]["mask_png"] = bool(manifest.view.mask_png)
    del record["unseen"]
    record["view"]["prepare"] = [str(step) for step in manifest.view.prepare]
    output.document(
        {
            "model": name,
            "aliases": entry.aliases,
            "damage": entry.damage,
            "manifest": record,
            "active_calibration": wording.calibration_record(active),
        }
    )


@app.command(cls=Command)
def calibrations(reference: Reference, as_json: options.Json = False) -> None:
    """List a model's calibrations; the newest is used."""
    output, store = Output(as_json), _store()
    every = store.calibrations(reference)
    output.table(
        ["no.", "made", "method", "REVIEW above", "NG above", "good not OK", "n"],
        [
            [
                str(one.version),
                _minute(one.created),
                one.method.value,
                wording.number(one.review_threshold),
                wording.number(one.ng_threshold),
                _good_promise(one),
                f"{len(one.good_scores):,}",
            ]
            for one in every
        ],
        left=3,
    )
    output.document({"calibrations": [wording.calibration_record(one) for one in every]})


@app.command("export", cls=Command)
def export_model(
    reference: Reference,
    file: Annotated[
        Path, typer.Argument(metavar="[FILE]", help="A file, or a folder for bottle-3.okng.")
    ] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    key: Annotated[
        Path | None,
        typer.Option("--sign", metavar="KEY", help="Sign it with a private key, a PEM file."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Write a model to one file for another okng.

    Its calibrations go with it; okng models import takes it in elsewhere. For programs without
    okng take okng export.
    """
    from okng.bootstrap import export_model as write
    from okng.settings import read_settings

    output = Output(as_json)
    path = write(reference, file, force, read_settings(), key)
    output.line(f"{path} written, {_megabytes(path.stat().st_size)}")
    output.document({"file": path, "size_bytes": path.stat().st_size})


@app.command("new-key", cls=Command)
def new_key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the private key goes.")],
    as_json: options.Json = False,
) -> None:
    """Make a key that signs exported models.

    The private key is for okng models export --sign; the public one, in OKNG_SIGNING_KEYS, lets
    only models in that it has signed. Needs the extra serve.
    """
    from okng.bootstrap.exchange import make_key

    output = Output(as_json)
    public = make_key(file)
    output.line(f"{file} holds the private key: keep it to yourself")
    output.line(f"""OKNG_SIGNING_KEYS='["{public}"]'""")
    output.document({"private": file, "public": public})


@app.command("import", cls=Command)
def import_model(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A model's archive, *.okng.")],
    product: options.Product = None,
    as_json: options.Json = False,
) -> None:
    """Take in a model that was exported.

    Everything in it is verified first. It gets the next free version of its product.
    """
    from okng.bootstrap import import_model as read
    from okng.settings import read_settings

    output = Output(as_json)
    imported = read(file, product, read_settings())
    output.line(str(imported))
    output.document(
        {
            "model": imported.model.name,
            "original": imported.original,
            "added": imported.added,
            "calibrations": imported.calibrations,
        }
    )


@app.command(cls=Command)
def promote(
    reference: Reference,
    alias: Annotated[
        str, typer.Option("--alias", metavar="NAME", help="The name it gets.")
    ] = "champion",
    as_json: options.Json = False,
) -> None:
    """Let a model be the champion.

    The champion is what inspect and evaluate use for its product; --alias gives another name.
    """
    output = Output(as_json)
    name = _store().promote(reference, alias)
    output.line(f"{name} is the {alias} now")
    output.document({"model": name, "alias": alias})


@app.command(cls=Command)
def unalias(
    reference: Annotated[
        str, typer.Argument(metavar="REF", help="With its alias, as in bottle@candidate.")
    ],
    as_json: options.Json = False,
) -> None:
    """Take an alias away; the model stays.

    Without champion a product's newest model is used.
    """
    from okng.adapters.stores.references import parse_reference

    output = Output(as_json)
    asked = parse_reference(reference)
    if asked.alias is None:
        raise typer.BadParameter(
            f"{reference} names no alias: write it as in {asked.product}@champion"
        )
    _store().remove_alias(asked.product, asked.alias)
    output.line(f"{asked.product} has no {asked.alias} any more")
    output.document({"product": asked.product, "alias": asked.alias, "removed": True})


@app.command(cls=Command)
def delete(
    reference: Reference,
    force: Annotated[bool, typer.Option("--force", help="Even if it is the champion.")] = False,
    as_json: options.Json = False,
) -> None:
    """Delete one version of a model, as in bottle-3."""
    output = Output(as_json)
    name = _store().delete(reference, force)
    output.line(f"{name} is deleted")
    output.document({"model": name, "deleted": True})


def _store() -> "FolderModelStore":
    from okng.bootstrap import store
    from okng.settings import read_settings

    return store(read_settings())


def _list(product: str | None, as_json: bool) -> None:
    from dataclasses import asdict

    output = Output(as_json)
    entries = _store().list(product)
    output.document({"models": [asdict(entry) | {"model": entry.name} for entry in entries]})
    if not entries:
        output.line("There are no models yet: make one with `okng train FOLDER`, or `okng demo`.")
        return
    output.table(
        ["model", "alias", "detector", "made", "images", "calibrations", "size"],
        [
            [
                entry.name,
                ", ".join(entry.aliases),
                entry.detector,
                _minute(entry.created),
                f"{entry.images:,}",
                f"{len(entry.calibrations)}",
                _megabytes(entry.size_bytes),
            ]
            for entry in entries
        ],
        left=4,
        spare=(5, 2, 6, 4, 3),
    )
    for entry in entries:
        if entry.damage and not as_json:
            output.warn(entry.damage)


def _card(manifest: "Manifest") -> list[tuple[str, str]]:
    """Return what a manifest says, labelled."""
    view, data = manifest.view, manifest.data
    held = f", {data.held_out:,} of them held out to calibrate" if data.held_out else ""
    facts: dict[str, Any] = dict(manifest.facts)
    return [
        ("Made", f"{_minute(manifest.created)} by okng {manifest.okng} on {manifest.trained_on}"),
        ("Detector", f"{manifest.detector}; {', '.join(f'{k} {v}' for k, v in facts.items())}"),
        ("Settings", ", ".join(f"{k} {_value(v)}" for k, v in manifest.config.items())),
        ("Backbone", ", ".join(f"{b.name} ({b.licence})" for b in manifest.backbones) or "none"),
        ("View", f"{view}; map {manifest.map_width} x {manifest.map_height}"),
        ("Data", f"{data.name}, {data.layout}: {counted(data.images, 'good image')} of "
                 f"{counted(data.parts, 'part')}{held}"),
        ("Fingerprint", data.fingerprint),
        ("Graph", manifest.calibration.graph_sha256),
        ("Golden", f"{counted(len(manifest.golden), 'image')}, scores within "
                   f"{manifest.tolerance:.2g}"),
    ]  # fmt: skip


def _good_promise(calibration: "Calibration") -> str:
    """Put the promise about good parts into a few words."""
    for promise in calibration.promises:
        if promise.of == "good":
            return f"{'at most' if promise.exact else 'about'} {promise.rate:.2%}"
    return "-"


def _value(value: object) -> str:
    return "+".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _aliases(entry: "ModelEntry") -> str:
    return f" ({', '.join(entry.aliases)})" if entry.aliases else ""


def _minute(created: str) -> str:
    return created[:16].replace("T", " ")


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB"
