"""Run every benchmark that the README quotes."""

import subprocess
import sys

COMMANDS = (
    ("accuracy", "--tiers", "fast", "balanced", "accurate", "gaussian"),
    ("classifiers",),
    ("learned",),
    ("resuming",),
    ("reference",),
    ("few",),
    ("speed",),
    ("training",),
    ("memory",),
    ("install",),
    ("load",),
    ("crash",),
    ("paging",),
    ("dropping",),
    ("dragging",),
    ("promise", "--real", "5"),
    ("robustness",),
    ("limit",),
    ("scale",),
    ("large",),
)


def main() -> None:
    """Run each in a process of its own, so that none warms or burdens the next."""
    for name, *arguments in COMMANDS:
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *arguments], check=True)


if __name__ == "__main__":
    main()
