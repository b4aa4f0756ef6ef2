"""Many callers, few commits: who comes while one commits waits, and then commits for all."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from okng.domain.errors import OkngError, Unavailable

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(eq=False)
class _Entry(Generic[Item, Answer]):
    item: Item
    answer: Answer | None = None
    outage: str | None = None


class GroupCommit(Generic[Item, Answer]):
    """Hands what several threads bring at once to `write` together.

    `write` stores all items or none, and returns their answers in order. It is never called
    twice at a time. An item that spoils a group is tried alone, so only its bringer gets the error.
    """

    def __init__(self, write: Callable[[Sequence[Item]], Sequence[Answer]]) -> None:
        self._write = write
        self._waiting: list[_Entry[Item, Answer]] = []
        self._queue = threading.Lock()
        self._leading = threading.Lock()

    def __call__(self, item: Item) -> Answer:
        """Store an item; return when its group is committed."""
        own: _Entry[Item, Answer] = _Entry(item)
        with self._queue:
            self._waiting.append(own)
        with self._leading:
            if own.answer is None and own.outage is None:
                with self._queue:
                    group, self._waiting = self._waiting, []
                self._commit(own, group)
        if own.outage is not None:
            raise Unavailable(own.outage)
        assert own.answer is not None
        return own.answer

    def _commit(self, own: _Entry[Item, Answer], group: list[_Entry[Item, Answer]]) -> None:
        """Store the group; where that fails, one's own item, and leave the others to theirs."""
        if own not in group:  # an earlier group with it failed
            with self._queue:
                self._waiting = group + self._waiting
        elif len(group) > 1 and self._is_settled(group):
            return
        self._settle([own])

    def _is_settled(self, group: list[_Entry[Item, Answer]]) -> bool:
        try:
            self._settle(group)
        except Unavailable as error:
            for entry in group:
                entry.outage = str(error)
        except (OkngError, SQLAlchemyError):
            return False
        return True

    def _settle(self, group: list[_Entry[Item, Answer]]) -> None:
        answers = self._write([entry.item for entry in group])
        for entry, answer in zip(group, answers, strict=True):
            entry.answer = answer
