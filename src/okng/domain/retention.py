"""How long images are kept, and what a run of these rules did."""

from dataclasses import dataclass

from okng.domain.errors import BadSetting

LONGEST_DAYS = 36_500.0


@dataclass(frozen=True)
class RetentionRules:
    """How long images of inspections are kept; the inspections themselves always stay.

    `ok_days` and `ok_thumbnail_days` are for OK parts, `other_days` for images and thumbnails of
    all others. Where everything together has more than `max_bytes` (0: no limit) the oldest go
    sooner: OK images first, then OK thumbnails, then the others. What somebody reviewed, or what
    the audit log speaks of, is never removed.

    Raises:
        BadSetting: a value is out of its bounds, or OK parts would be kept longer than others.
    """

    ok_days: float = 30.0
    ok_thumbnail_days: float = 90.0
    other_days: float = 365.0
    max_bytes: int = 0

    def __post_init__(self) -> None:
        for days in (self.ok_days, self.ok_thumbnail_days, self.other_days):
            if not 0 <= days <= LONGEST_DAYS:
                raise BadSetting(f"images are kept for 0 to {LONGEST_DAYS:,.0f} days, not {days}")
        if self.max_bytes < 0:
            raise BadSetting(f"the limit on kept images is {self.max_bytes} bytes: 0 is none")
        if max(self.ok_days, self.ok_thumbnail_days) > self.other_days:
            raise BadSetting(
                f"images of OK parts would be kept longer ({self.ok_days:g} days, thumbnails "
                f"{self.ok_thumbnail_days:g}) than those of NG parts ({self.other_days:g}): "
                "raise the latter"
            )


@dataclass
class RetentionReport:
    """What one run removed: images and thumbnails of inspections, and contents on the disk.

    A content goes with the last image that it belongs to. `strays` are contents that no inspection
    referred to: a crash left them, or they were too young when their image went. `over_bytes` is
    how much remains beyond the limit, all of it reviewed, audited or put moments ago.
    """

    images: int = 0
    thumbnails: int = 0
    contents: int = 0
    strays: int = 0
    over_bytes: int = 0
    stopped: bool = False

    @property
    def removed(self) -> int:
        return self.images + self.thumbnails + self.contents + self.strays
