"""Optimizers by name, and the learning rate of each step."""

from collections.abc import Iterable
from math import cos, pi

import torch
from torch import nn

from okng.learning.settings import LearningConfig

_MOMENTUM = 0.9
_WARM_UP_SHARE = 0.1


def build_optimizer(
    config: LearningConfig, groups: Iterable[tuple[nn.Module, float]]
) -> torch.optim.Optimizer:
    """Build the optimizer that the settings name.

    Args:
        config: the settings.
        groups: what learns, each with its share of the learning rate.
    """
    rate, decay = config.learning_rate, config.l2
    wanted = [
        {"params": [p for p in part.parameters() if p.requires_grad], "lr": rate * share}
        for part, share in groups
    ]
    match config.optimizer:
        case "sgd":
            return torch.optim.SGD(wanted, rate, momentum=_MOMENTUM, weight_decay=decay)
        case "adam":
            return torch.optim.Adam(wanted, rate, weight_decay=decay)
        case "adamw":
            return torch.optim.AdamW(wanted, rate, weight_decay=decay)
        case _:
            return torch.optim.RMSprop(wanted, rate, weight_decay=decay)


def set_rate(optimizer: torch.optim.Optimizer, share: float) -> None:
    """Set the learning rate to this share of what each group began with."""
    for group in optimizer.param_groups:
        group.setdefault("first_rate", group["lr"])
        group["lr"] = group["first_rate"] * share


def rate_share(schedule: str, step: int, steps: int) -> float:
    """Return the share of the learning rate at `step` of `steps`, both counted from 0.

    A function of the step alone: what is resumed needs no memory of it.
    """
    done = step / max(steps, 1)
    match schedule:
        case "cosine":
            return _cosine(done)
        case "step":
            return 0.1 ** int(3 * done)
        case "warm-up":
            if done < _WARM_UP_SHARE:
                return (step + 1) / (_WARM_UP_SHARE * steps + 1)
            return _cosine((done - _WARM_UP_SHARE) / (1 - _WARM_UP_SHARE))
        case _:
            return 1.0


def _cosine(done: float) -> float:
    return 0.5 * (1 + cos(pi * done))
