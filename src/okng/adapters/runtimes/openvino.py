"""OpenVINO."""

import sys
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from okng.domain.arrays import Array, Floats
from okng.domain.errors import BadModel, BadSetting, MissingExtra


class OpenVinoConfig(BaseModel):
    """Settings of OpenVINO."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: Annotated[
        str,
        Field(title="Device", description="CPU, GPU, GPU.1, NPU, AUTO, ...", max_length=64),
    ] = "CPU"
    precision: Annotated[
        Literal["f32", "f16", "bf16"],
        Field(
            title="Precision",
            description="What it computes in; left alone, OpenVINO silently takes bf16 where the "
            "processor has it.",
        ),
    ] = "f32"
    threads: Annotated[
        int, Field(title="Threads", description="Threads for one worker.", ge=1, le=256)
    ] = 1


_CAPABILITIES = {"f32": "FP32", "f16": "FP16", "bf16": "BF16"}
"""OpenVINO's own names of the precisions."""


class OpenVino:
    """Runs graphs with OpenVINO; device, precision and threads are always explicit."""

    Config: ClassVar = OpenVinoConfig
    name = "openvino"

    def __init__(self, config: OpenVinoConfig) -> None:
        # OpenVINO reports its use over the network unless its telemetry module is missing.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        try:
            import openvino
        except ImportError as error:
            raise MissingExtra("OpenVINO", "openvino") from error
        self._config = config
        self._version = openvino.__version__.split("-")[0]
        self._core = openvino.Core()
        available = self._core.available_devices
        family = config.device.split(".")[0].split(":")[0]
        if family not in {"AUTO", "MULTI", "HETERO", *(d.split(".")[0] for d in available)}:
            raise BadSetting(
                f"OpenVINO finds no device {config.device!r} here: choose from "
                f"{', '.join(available)}"
            )
        if family in {device.split(".")[0] for device in available}:
            self._check_precision()

    def _check_precision(self) -> None:
        """Refuse what the device does not compute in: OpenVINO would silently take another.

        Several devices together (AUTO, MULTI, HETERO) say nothing of it and are believed.
        """
        device, wanted = self._config.device, self._config.precision
        offered = self._core.get_property(device, "OPTIMIZATION_CAPABILITIES")
        known = [name for name, capability in _CAPABILITIES.items() if capability in offered]
        if known and wanted not in known:
            raise BadSetting(
                f"the precision {wanted} is not computed by this {device}; OpenVINO would take "
                f"another without a word: choose from {', '.join(known)}"
            )

    @property
    def label(self) -> str:
        return f"openvino {self._version} {self._config.device} {self._config.precision}"

    def load(self, graph: bytes) -> "OpenVinoSession":
        options = {
            "INFERENCE_PRECISION_HINT": self._config.precision,
            "PERFORMANCE_HINT": "LATENCY",
        }
        if self._config.device == "CPU":
            options["INFERENCE_NUM_THREADS"] = str(self._config.threads)
            # Else the calling thread is bound to a core, in every process to the same one, and
            # stays so: two services, or two trainings, would share one core and leave the others.
            options["ENABLE_CPU_PINNING"] = "NO"
        try:
            model = self._core.read_model(graph)
            # One image at a time: static shapes compile to faster code, and on a CPU a batch
            # gains nothing.
            model.reshape({port: [1, *port.partial_shape[1:]] for port in model.inputs})
            compiled = self._core.compile_model(model, self._config.device, options)
        except RuntimeError as error:
            raise BadModel(f"OpenVINO cannot load this graph: {error}") from error
        return OpenVinoSession(compiled)


class OpenVinoSession:
    """A graph compiled by OpenVINO for one image at a time; larger batches are run in turn."""

    def __init__(self, compiled: Any) -> None:
        self._request = compiled.create_infer_request()
        # OpenVINO gives a tensor all the names that it had on its way through the graph.
        self._names = [sorted(port.get_names()) for port in compiled.outputs]

    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Floats]:
        count = len(next(iter(inputs.values())))
        rows = [self._run_one({k: v[i : i + 1] for k, v in inputs.items()}) for i in range(count)]
        if count == 1:
            return rows[0]
        return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}

    def _run_one(self, inputs: Mapping[str, Array]) -> dict[str, Floats]:
        try:
            self._request.infer(dict(inputs), share_inputs=True)
        except RuntimeError as error:
            raise BadModel(f"OpenVINO cannot run this graph: {error}") from error
        outputs: dict[str, Floats] = {}
        for i, names in enumerate(self._names):
            outputs |= dict.fromkeys(names, self._request.get_output_tensor(i).data.copy())
        return outputs
