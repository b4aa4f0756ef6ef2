"""What a network learns on: the processor, a GPU, or several that share each step."""

import logging

import torch
from lightning_fabric import Fabric

from okng.domain.counting import counted
from okng.domain.errors import BadSetting
from okng.learning.settings import LearningConfig


def fabric_of(config: LearningConfig) -> Fabric:
    """Return what places networks and computes as the settings say.

    Several GPUs share each batch within this process, by Lightning's data parallel strategy:
    weights are copied to the others for each step, and gradients are summed on the first. So there
    is one optimizer, one state to keep and one order of examples, whatever the number of GPUs.
    Batch norm takes the statistics of its own share, and remembers those of the first.

    In mixed precision a network that is set up computes in bfloat16 what bears it; its weights and
    what it returns are float32.

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
    on_gpu = there > 0 and config.device != "cpu"
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it tells of each choice
    auto = config.precision == "auto" and on_gpu and torch.cuda.is_bf16_supported()
    return Fabric(
        accelerator="cuda" if on_gpu else "cpu",
        devices=config.gpus,
        strategy="dp" if config.gpus > 1 else "auto",
        precision="bf16-mixed" if auto or config.precision == "bfloat16" else "32-true",
    )
