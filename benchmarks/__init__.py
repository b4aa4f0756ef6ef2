"""Figures that the README quotes, each by one command: `python -m benchmarks` runs them all."""
