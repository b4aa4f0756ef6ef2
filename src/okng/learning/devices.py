"""What a network learns on: the processor, a GPU, or several that share each step."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.func import functional_call

from okng.domain.counting import counted
from okng.domain.errors import BadSetting
from okng.learning.settings import LearningConfig


def devices_of(config: LearningConfig) -> tuple[torch.device, ...]:
    """Return what to learn on; the first holds the weights.

    Raises:
        BadSetting: a GPU is wanted, and there is none, or there are not so many.
    """
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if config.device == "cuda" and not there:
        raise BadSetting("there is no GPU that PyTorch can use here: take device=auto or cpu")
    if config.gpus > 1 and (there < config.gpus or config.device == "cpu"):
        found = counted(there, "GPU") if there else "no GPU"
        raise BadSetting(
            f"gpus={config.gpus}: PyTorch can use {found} here"
            + (", and device=cpu takes none" if there and config.device == "cpu" else "")
            + "; leave gpus out"
        )
    if not there or config.device == "cpu":
        return (torch.device("cpu"),)
    return tuple(torch.device("cuda", i) for i in range(config.gpus))


def shared(
    network: nn.Module, x: Tensor, devices: Sequence[torch.device]
) -> Tensor | tuple[Tensor, ...]:
    """Compute a batch on several devices at once, each a share of it.

    Weights are copied to the others within the step, so that gradients come back to the ones on
    the first device, where they are summed: with one optimizer, one state to keep and one order of
    examples, whatever the number of devices. Batch norm takes the statistics of its own share, and
    remembers those of the first.

    Args:
        network: on the first device.
        x: `[N, ...]`, there.
        devices: the first does all of it where `N` is less than their number.

    Returns:
        What the network gives, on the first device: a tensor `[N, ...]` or a tuple of them.
    """
    if len(devices) == 1 or len(x) < len(devices):
        found: Tensor | tuple[Tensor, ...] = network(x)
        return found
    own, *others = x.tensor_split(len(devices))
    parts = [network(own)]
    for device, share in zip(devices[1:], others, strict=True):
        tensors = {
            name: value.to(device, non_blocking=True)
            for values in (network.named_parameters(), network.named_buffers())
            for name, value in values
        }
        parts.append(functional_call(network, tensors, (share.to(device, non_blocking=True),)))

    def joined(shares: Sequence[Tensor]) -> Tensor:
        return torch.cat([share.to(devices[0]) for share in shares])

    if isinstance(parts[0], Tensor):
        return joined(parts)
    return tuple(joined(shares) for shares in zip(*parts, strict=True))


@contextmanager
def mixed_precision(config: LearningConfig, device: torch.device) -> Iterator[None]:
    """Compute in bfloat16 what bears it, where that is wanted; losses must be float32 again."""
    on_gpu = device.type == "cuda" and torch.cuda.is_bf16_supported()
    wanted = config.precision == "bfloat16" or (config.precision == "auto" and on_gpu)
    with torch.autocast(device.type, torch.bfloat16, enabled=wanted):
        yield
