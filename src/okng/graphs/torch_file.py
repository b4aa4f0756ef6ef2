"""Read the tensors of a PyTorch file without unpickling it: its numbers alone, nothing that runs.

A `.pth` file is a pickle, a program for a machine that may call anything. Here the program is only
looked at, instruction by instruction (`pickletools.genops`): those that build plain values are
followed, the three names that every file of weights has are known, and anything else is refused.
Understood are both of the layouts of `torch.save`: pickles one after the other with the numbers
behind them, and a zip archive (since PyTorch 1.6).
"""

import pickletools
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from okng.domain.errors import BadBackbone

MOST_INSTRUCTIONS = 1_000_000
_MAGIC = 0x1950A86A20F9469CFC6C
_LARGEST_PROGRAM = 64 << 20
_LARGEST_TEXT = 1 << 20

_STORAGES: Mapping[str, np.dtype[Any]] = {
    "torch FloatStorage": np.dtype("<f4"),
    "torch HalfStorage": np.dtype("<f2"),
    "torch DoubleStorage": np.dtype("<f8"),
    "torch LongStorage": np.dtype("<i8"),
}
_DICT = "collections OrderedDict"
_TENSOR = "torch._utils _rebuild_tensor_v2"
_PARAMETER = "torch._utils _rebuild_parameter"
_NAMES = frozenset({*_STORAGES, _DICT, _TENSOR, _PARAMETER})

_LITERALS = frozenset(
    {"BINUNICODE", "SHORT_BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"}
)
"""Instructions that put their argument, a text or a number, on the stack."""

_CONSTANTS: Mapping[str, object] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}


class _Mark:
    """Where a tuple or the items of a dict begin."""


@dataclass(frozen=True)
class _Name:
    """A name that the file refers to; it is never looked up."""

    text: str


@dataclass(frozen=True)
class _Storage:
    key: str
    kind: np.dtype[Any]
    count: int


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


_DAMAGE = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)
"""What damaged files were seen to raise in the libraries that read them."""

Numbers = Callable[[_Storage], NDArray[Any]]


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Return the tensors of a state dict by name; those of integers (counters) are left out.

    Raises:
        BadBackbone: it is no such file, or holds anything but plain tensors.
        OSError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            if zipfile.is_zipfile(file):
                file.seek(0)
                return _read_zip(file)
            file.seek(0)
            return _read_plain(file)
    except _DAMAGE as error:
        raise _refusal(f"it is damaged ({str(error)[:200]})") from error


def _read_plain(file: IO[bytes]) -> dict[str, NDArray[Any]]:
    if _followed(file) != _MAGIC:
        raise _refusal("it does not begin as such a file")
    _followed(file)  # the format's version
    _followed(file)  # the machine's sizes
    state = _followed(file)
    wanted = _storages(state)
    numbers: dict[str, NDArray[Any]] = {}
    for key in _followed(file):
        storage = wanted[key]
        (count,) = struct.unpack("<q", file.read(8))
        if count != storage.count:
            raise _refusal("its tensors do not fit its numbers")
        numbers[key] = _array(file.read(count * storage.kind.itemsize), storage)
    return _tensors(state, lambda storage: numbers[storage.key])


def _read_zip(file: IO[bytes]) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(file) as archive:
        names = {info.filename: info for info in archive.infolist()}
        program = next((name for name in names if name.endswith("/data.pkl")), None)
        if program is None:
            raise _refusal("it is a zip archive of another kind")
        folder = program.removesuffix("data.pkl")
        if names[program].file_size > _LARGEST_PROGRAM:
            raise _refusal("its description is too large")
        with archive.open(program) as opened:
            state = _followed(opened)

        def numbers(storage: _Storage) -> NDArray[Any]:
            info = names[f"{folder}data/{storage.key}"]
            # Never packed by torch.save: so nothing can unpack to more than the file.
            if info.compress_type != zipfile.ZIP_STORED:
                raise _refusal("its numbers are compressed")
            return _array(archive.read(info), storage)

        return _tensors(state, numbers)


class _Pieces:
    """A file of which nothing large is read at once, however large its texts say they are."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, count: int) -> bytes:
        if count > _LARGEST_TEXT:
            raise ValueError(f"a text of {count} bytes")
        return self._file.read(count)

    def readline(self) -> bytes:
        return self._file.readline(_LARGEST_TEXT)


def _followed(file: IO[bytes]) -> Any:
    """Follow one pickle's instructions and return the plain value that it builds."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    for count, (operation, argument, _) in enumerate(_instructions(file)):
        name = operation.name
        if count > MOST_INSTRUCTIONS:
            raise _refusal("its description is too long")
        if name == "STOP":
            return stack.pop()
        if name in _LITERALS:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[_number(argument)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[_number(argument)])
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name not in ("PROTO", "FRAME"):
            _follow(name, argument, stack)
    raise _refusal("it is cut off")


def _instructions(file: IO[bytes]) -> Iterator[tuple[pickletools.OpcodeInfo, Any, int | None]]:
    pieces: Any = _Pieces(file)  # has all that genops uses of a file
    return pickletools.genops(pieces)


def _follow(name: str, argument: Any, stack: list[Any]) -> None:
    """Follow an instruction that builds something of what lies on the stack."""
    match name:
        case "MARK":
            stack.append(_Mark())
        case "EMPTY_DICT":
            stack.append({})
        case "EMPTY_LIST":
            stack.append([])
        case "EMPTY_TUPLE":
            stack.append(())
        case "TUPLE":
            stack.append(tuple(_since_mark(stack)))
        case "TUPLE1" | "TUPLE2" | "TUPLE3":
            count = int(name[-1])
            stack[-count:] = [tuple(stack[-count:])]
        case "APPENDS":
            items = _since_mark(stack)
            stack[-1].extend(items)
        case "SETITEM":
            value, key = stack.pop(), stack.pop()
            stack[-1][key] = value
        case "SETITEMS":
            items = _since_mark(stack)
            stack[-1].update(zip(items[::2], items[1::2], strict=True))
        case "GLOBAL":
            stack.append(_known(argument))
        case "STACK_GLOBAL":
            last, first = stack.pop(), stack.pop()
            stack.append(_known(f"{first} {last}"))
        case "BINPERSID":
            stack.append(_storage(stack.pop()))
        case "REDUCE":
            arguments, what = stack.pop(), stack.pop()
            stack.append(_built(what, arguments))
        case "BUILD":
            stack.pop()  # notes of the module that saved it
        case _:
            raise _refusal(f"it holds the instruction {name}, which no file of weights needs")


def _number(argument: Any) -> int:
    return int(argument)


def _since_mark(stack: list[Any]) -> list[Any]:
    start = max(index for index, value in enumerate(stack) if isinstance(value, _Mark))
    items = stack[start + 1 :]
    del stack[start:]
    return items


def _known(name: str) -> _Name:
    if name not in _NAMES:
        raise _refusal(
            f"it refers to {name.replace(' ', '.')[:100]}, which no file of weights needs"
        )
    return _Name(name)


def _storage(described: Any) -> _Storage:
    what, name, key, _, count = described[:5]
    kind = _STORAGES.get(name.text) if isinstance(name, _Name) else None
    if what != "storage" or kind is None or not isinstance(key, str):
        raise _refusal("its numbers are of no kind that weights have")
    if not isinstance(count, int) or count < 0:
        raise _refusal("its numbers are described in another way")
    return _Storage(key, kind, count)


def _built(what: Any, arguments: Any) -> Any:
    if what == _Name(_DICT) and not arguments:
        return {}
    if what == _Name(_PARAMETER):
        return arguments[0]
    if what != _Name(_TENSOR):
        raise _refusal("it builds what no file of weights needs")
    storage, offset, shape, strides = arguments[:4]
    if not isinstance(storage, _Storage) or len(shape) != len(strides):
        raise _refusal("a tensor is described in another way")
    last = offset + sum((side - 1) * step for side, step in zip(shape, strides, strict=True))
    if min((offset, *strides)) < 0 or min(shape, default=1) < 1 or last >= storage.count:
        raise _refusal("a tensor reaches beyond its numbers")
    if prod(shape) > storage.count:
        raise _refusal("a tensor repeats its numbers")
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


def _named(state: Any) -> Iterator[tuple[str, _Tensor]]:
    """Yield the tensors of a state dict, also one within a checkpoint."""
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict):
        raise _refusal("it is no state dict")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, _Tensor):
            raise _refusal("it holds other things than tensors by name")
        yield name, value


def _storages(state: Any) -> dict[str, _Storage]:
    return {tensor.storage.key: tensor.storage for _, tensor in _named(state)}


def _tensors(state: Any, numbers: Numbers) -> dict[str, NDArray[Any]]:
    found = {}
    for name, tensor in _named(state):
        if tensor.storage.kind.kind == "f":
            values = numbers(tensor.storage)[tensor.offset :]
            steps = [step * values.itemsize for step in tensor.strides]
            found[name] = as_strided(values, tensor.shape, steps).copy()
    return found


def _array(data: bytes, storage: _Storage) -> NDArray[Any]:
    if len(data) != storage.count * storage.kind.itemsize:
        raise _refusal("its numbers are cut off")
    return np.frombuffer(data, storage.kind)


def _refusal(reason: str) -> BadBackbone:
    return BadBackbone(
        f"this is no PyTorch file of plain weights: {reason}; save the state dict alone, better as "
        "safetensors"
    )
