"""Label Studio's run lengths of a brush: a stream of bits, four bytes to a pixel.

The format is that of `@thi.ng/rle-pack`: 32 bits, the number of values; 5 bits, a value's size less
one; four times 4 bits, the sizes, less one, of a run's length. Then runs and plain values: a bit
says which, 2 bits choose the size of the length, which is one more than it says.
"""

from collections.abc import Sequence

from okng.domain.errors import BadDataset

_CHANNELS = 4  # red, green, blue, alpha: the last one is the brush


class _Bits:
    """Reads numbers of some bits each, the highest bit first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def take(self, size: int) -> int:
        """Return the next `size` bits as a number.

        Raises:
            EOFError: there are no more.
        """
        start, self._place = self._place, self._place + size
        if self._place > 8 * len(self._data):
            raise EOFError
        last = (self._place + 7) // 8
        whole = int.from_bytes(self._data[start // 8 : last], "big")
        return whole >> (8 * last - self._place) & ((1 << size) - 1)


def alpha_runs(rle: Sequence[int], pixels: int, where: str) -> tuple[int, ...]:
    """Return runs along rows, outside first, of the pixels whose alpha is not zero.

    Raises:
        BadDataset: the stream is damaged, or not of so many pixels.
    """
    damaged = f"{where}: the brush's run lengths are damaged"
    try:
        bits = _Bits(bytes(rle))
        total = bits.take(32)
        if total != pixels * _CHANNELS:
            raise BadDataset(
                f"{damaged}: they are of {total / _CHANNELS:g} pixels, the image has {pixels}"
            )
        return _runs(bits, total)
    except (EOFError, ValueError) as error:
        raise BadDataset(f"{damaged}; export the list again") from error


def _runs(bits: _Bits, total: int) -> tuple[int, ...]:
    size = bits.take(5) + 1
    length_sizes = [bits.take(4) + 1 for _ in range(4)]
    lengths, inside, done = [0], False, 0
    while done < total:
        is_run = bits.take(1)
        end = done + 1 + bits.take(length_sizes[bits.take(2)])
        if end > total:
            raise ValueError("a run leads out of the image")
        while done < end:
            value, start = bits.take(size), done
            done = end if is_run else done + 1
            if count := done // _CHANNELS - start // _CHANNELS:
                if (value > 0) != inside:
                    inside = not inside
                    lengths.append(0)
                lengths[-1] += count
    return tuple(lengths)
