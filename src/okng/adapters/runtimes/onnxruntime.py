"""ONNX Runtime."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from okng.domain.arrays import Array, Floats
from okng.domain.errors import BadModel, BadSetting


class OnnxRuntimeConfig(BaseModel):
    """Settings of ONNX Runtime."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: Annotated[
        str,
        Field(
            title="Device",
            description="CPU, CUDA, TensorRT, DirectML, ...: an execution provider's name without "
            "its ending.",
            max_length=64,
        ),
    ] = "CPU"
    precision: Annotated[
        str,
        Field(
            title="Precision",
            description="f32, or f16 where the device is TensorRT. ONNX Runtime computes as the "
            "graph says.",
            max_length=8,
        ),
    ] = "f32"
    threads: Annotated[
        int, Field(title="Threads", description="Threads for one worker.", ge=1, le=256)
    ] = 1


class OnnxRuntime:
    """Runs graphs with ONNX Runtime; device, precision and threads are always explicit."""

    Config: ClassVar = OnnxRuntimeConfig
    name = "onnxruntime"

    def __init__(self, config: OnnxRuntimeConfig) -> None:
        import onnxruntime as ort

        self._ort = ort
        self._config = config
        self._provider = self._choose_provider()

    @property
    def label(self) -> str:
        config = self._config
        return f"onnxruntime {self._ort.__version__} {config.device} {config.precision}"

    def load(self, graph: bytes) -> "OnnxRuntimeSession":
        options = self._ort.SessionOptions()
        options.intra_op_num_threads = self._config.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # fatal ones: every error is raised, which says enough
        # Spinning threads take the cores that the other workers need.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            session = self._ort.InferenceSession(graph, options, providers=[self._provider])
        except _refusals() as error:
            raise BadModel(f"ONNX Runtime cannot load this graph: {error}") from error
        return OnnxRuntimeSession(session)

    def _choose_provider(self) -> str | tuple[str, dict[str, Any]]:
        provider = f"{self._config.device}ExecutionProvider"
        available = self._ort.get_available_providers()
        if provider.lower() not in (name.lower() for name in available):
            devices = ", ".join(name.removesuffix("ExecutionProvider") for name in available)
            raise BadSetting(
                f"this ONNX Runtime has no device {self._config.device!r}: choose from {devices}"
            )
        provider = next(str(name) for name in available if name.lower() == provider.lower())
        tensorrt = provider == "TensorrtExecutionProvider"
        if self._config.precision not in (("f32", "f16") if tensorrt else ("f32",)):
            raise BadSetting(
                f"ONNX Runtime on {self._config.device} computes in f32, not in "
                f"{self._config.precision!r}: set the precision to f32 or take OpenVINO"
            )
        if tensorrt:
            return provider, {"trt_fp16_enable": self._config.precision == "f16"}
        return provider


def _refusals() -> tuple[type[Exception], ...]:
    """Return what ONNX Runtime raises for a graph that it cannot load or run."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    names = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NotImplemented")
    own = [getattr(state, name) for name in (*names, "RuntimeException", "EPFail")]
    return (*own, RuntimeError, ValueError, TypeError)


class OnnxRuntimeSession:
    """A graph loaded by ONNX Runtime."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._names = [output.name for output in session.get_outputs()]

    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Floats]:
        try:
            outputs = self._session.run(None, dict(inputs))
        except _refusals() as error:
            raise BadModel(f"ONNX Runtime cannot run this graph: {error}") from error
        return dict(zip(self._names, outputs, strict=True))
