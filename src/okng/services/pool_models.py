"""The models that a pool of workers uses: which one a reference means now, and its sessions."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol
from weakref import WeakValueDictionary

from okng.domain.calibration import Calibration
from okng.domain.errors import BadModel, OkngError
from okng.domain.model import Model
from okng.domain.ports import Runtime, Session
from okng.domain.verdict import Policy
from okng.services.inspect import Inspector

_MOST_REFERENCES = 1024
_MOST_INSPECTORS = 16
_FAILURE_SECONDS = 5.0


class ServedModels(Protocol):
    """Where a pool finds its models."""

    def resolve(self, reference: str) -> str:
        """Return the name of the model that a reference means now, as in `bottle-3`.

        Raises:
            NotFound: there is no such model.
        """
        ...

    def load(self, reference: str) -> Model:
        """Return a model, verified.

        Raises:
            BadModel: it is damaged.
        """
        ...

    def calibration(self, reference: str, version: int | None = None) -> Calibration:
        """Return the model's active calibration, or the one of that version.

        Raises:
            NotFound: there is no such calibration.
        """
        ...


@dataclass(frozen=True)
class InUse:
    """What a reference means at this moment: a model, and the calibration that decides."""

    model: str
    calibration: Calibration

    @property
    def product(self) -> str:
        return self.model.rpartition("-")[0]

    @property
    def key(self) -> tuple[str, str]:
        """The graph, and the view that stands before it."""
        return self.model, self.calibration.graph_sha256


class Library:
    """What the workers share: the meaning of references, and graphs read once for all of them.

    A reference is looked up again after `refresh_seconds`, so that a change by another process is
    seen; one made in this process is told by `invalidate`. A model that cannot be loaded is tried
    again after a few seconds only, so that a line of requests for it does not stop the others.
    """

    def __init__(
        self, models: ServedModels, refresh_seconds: float, clock: Callable[[], float]
    ) -> None:
        self._models = models
        self._refresh_seconds = refresh_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._changes = 0
        self._known: dict[tuple[str, int | None], tuple[InUse, float]] = {}
        self._loaded: WeakValueDictionary[tuple[str, str], Model] = WeakValueDictionary()
        self._failures: dict[tuple[str, str], tuple[str, float]] = {}

    def in_use(self, reference: str, calibration: int | None) -> InUse:
        """Return what a reference means; the newest calibration unless a number is named.

        Raises:
            NotFound: there is no such model or calibration.
            BadModel: it is damaged.
        """
        key, now = (reference, calibration), self._clock()
        with self._lock:
            known, changes = self._known.get(key), self._changes
        if known is not None and now < known[1]:
            return known[0]
        name = self._models.resolve(reference)
        found = InUse(name, self._models.calibration(name, calibration))
        if known is not None and known[0] == found:
            found = known[0]  # so that what was built for it serves on
        with self._lock:
            if changes == self._changes:  # else it may have been looked up before the change
                if len(self._known) >= _MOST_REFERENCES:
                    self._known.clear()
                self._known[key] = found, now + self._refresh_seconds
        return found

    def invalidate(self) -> None:
        """Look everything up again: an alias has moved, or there is a new calibration."""
        with self._lock:
            self._changes += 1
            self._known.clear()
            self._failures.clear()

    def model(self, wanted: InUse) -> Model:
        """Return the model without its pictures; read once while any worker has it.

        Raises:
            OkngError: it cannot be loaded.
        """
        with self._reading:
            model = self._loaded.get(wanted.key)
            if model is None:
                model = replace(self._models.load(wanted.model), golden={}, report="")
                if model.manifest.calibration.graph_sha256 != wanted.calibration.graph_sha256:
                    raise BadModel(f"{wanted.model} has changed on disk: import it again")
                self._loaded[wanted.key] = model
        return model

    def check(self, wanted: InUse) -> None:
        """Refuse a model that could not be loaded a moment ago.

        Raises:
            BadModel: with the reason there was.
        """
        with self._lock:
            reason, until = self._failures.get(wanted.key, ("", 0.0))
        if reason and self._clock() < until:
            raise BadModel(reason)

    def failed(self, wanted: InUse, error: OkngError) -> None:
        """Remember that a model cannot be loaded."""
        with self._lock:
            if len(self._failures) >= _MOST_REFERENCES:
                self._failures.clear()
            # Not the error itself: its traceback holds the model in memory.
            self._failures[wanted.key] = str(error), self._clock() + _FAILURE_SECONDS


@dataclass
class _Loaded:
    """A model with its own session; `inspectors` by calibration and policy."""

    model: Model
    session: Session
    last_used: float
    inspectors: dict[tuple[int, Policy], Inspector] = field(default_factory=dict)


class Shelf:
    """The sessions of one worker; others may put a model on it, and look.

    At most `most` models are loaded; the one not used for longest goes first.
    """

    def __init__(
        self,
        library: Library,
        runtime: Runtime,
        most: int,
        max_pixels: int,
        clock: Callable[[], float],
    ) -> None:
        self._library = library
        self._runtime = runtime
        self._most = most
        self._max_pixels = max_pixels
        self._clock = clock
        self._lock = threading.Lock()
        self._loaded: dict[tuple[str, str], _Loaded] = {}

    def inspector(self, wanted: InUse, policy: Policy) -> Inspector:
        """Return what judges by this model, calibration and policy; load it where need be.

        Raises:
            OkngError: the model cannot be loaded.
        """
        loaded = self.prepare(wanted)
        key = (wanted.calibration.version, policy)
        inspector = loaded.inspectors.get(key)
        if inspector is None or inspector.calibration is not wanted.calibration:
            if len(loaded.inspectors) >= _MOST_INSPECTORS:
                loaded.inspectors.clear()
            inspector = loaded.inspectors[key] = Inspector(
                loaded.model, loaded.session, wanted.calibration, policy, self._max_pixels
            )
        return inspector

    def prepare(self, wanted: InUse) -> _Loaded:
        """Load a model with a session of this worker's own; any thread may do it beforehand.

        Raises:
            OkngError: it cannot be loaded.
        """
        now = self._clock()
        with self._lock:
            loaded = self._loaded.get(wanted.key)
            if loaded is not None:
                loaded.last_used = now
                return loaded
        self._library.check(wanted)
        try:
            model = self._library.model(wanted)
            session = self._runtime.load(model.graph)
        except OkngError as error:
            self._library.failed(wanted, error)
            raise
        with self._lock:
            loaded = self._loaded.setdefault(wanted.key, _Loaded(model, session, now))
            while len(self._loaded) > self._most:
                del self._loaded[min(self._loaded, key=lambda key: self._loaded[key].last_used)]
        return loaded

    def unload_idle(self, idle_seconds: float) -> None:
        """Let go of models that have not been used for so long."""
        oldest = self._clock() - idle_seconds
        with self._lock:
            idle = [key for key, one in self._loaded.items() if one.last_used <= oldest]
            gone = [self._loaded.pop(key) for key in idle]
        del gone  # sessions end here, without the lock

    def names(self) -> list[str]:
        with self._lock:
            return [name for name, _ in self._loaded]
