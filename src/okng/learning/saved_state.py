"""How far a training has come, as safetensors: numbers alone, nothing that could run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from okng.domain.learning import Checkpoints

_FORMAT = 1

Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class Progressed:
    """What a training needs to go on as if nothing had happened.

    `epoch` is how many are done; `figures` has a row of each, by name. `best` are the weights of
    `best_epoch`, the lowest validation loss so far. `ended` says why it ended, where it has.
    """

    epoch: int
    figures: list[dict[str, float]] = field(repr=False)
    network: Weights = field(repr=False)
    best: Weights = field(repr=False)
    optimizer: Mapping[str, Tensor] = field(repr=False)
    best_epoch: int
    ended: str = ""


@dataclass(frozen=True)
class Saved:
    """The one state of one training, in some checkpoints."""

    checkpoints: Checkpoints
    name: str

    def read(self) -> Progressed | None:
        """Return what was written last; None where there is nothing that can be used."""
        data = self.checkpoints.load(self.name)
        if data is None:
            return None
        try:
            return _unpack(data)
        except (SafetensorError, ValueError, KeyError, TypeError):
            return None  # a file of another kind: learn anew

    def write(self, state: Progressed) -> None:
        """Keep a state.

        Raises:
            OSError: there is no room.
        """
        self.checkpoints.save(self.name, _pack(state))

    def forget(self) -> None:
        self.checkpoints.remove(self.name)


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return all that an optimizer remembers of each parameter, as `NUMBER/name`."""
    return {
        f"{number}/{name}": value if isinstance(value, Tensor) else torch.tensor(value)
        for number, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
        if value is not None
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give an optimizer that was built anew what it remembered."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, _, name = key.partition("/")
        state.setdefault(int(number), {})[name] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _pack(state: Progressed) -> bytes:
    tensors = {
        f"{part}/{name}": value.detach().cpu().contiguous().clone()
        for part in ("network", "best", "optimizer")
        for name, value in getattr(state, part).items()
    }
    said = {
        "format": _FORMAT,
        "epoch": state.epoch,
        "figures": state.figures,
        "best_epoch": state.best_epoch,
        "ended": state.ended,
    }
    return save(tensors, {"okng": json.dumps(said)})


def _unpack(data: bytes) -> Progressed:
    length = int.from_bytes(data[:8], "little")
    said = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["okng"])
    if said["format"] != _FORMAT:
        raise ValueError("written by another version")
    parts: dict[str, dict[str, Tensor]] = {"network": {}, "best": {}, "optimizer": {}}
    for key, value in load(data).items():
        part, _, name = key.partition("/")
        parts[part][name] = value
    return Progressed(
        epoch=int(said["epoch"]),
        figures=[{str(k): float(v) for k, v in row.items()} for row in said["figures"]],
        best_epoch=int(said["best_epoch"]),
        ended=str(said["ended"]),
        **parts,
    )
