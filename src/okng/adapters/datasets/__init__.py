"""Datasets on disk: one layout per file, and how to tell them apart."""

from okng.adapters.datasets.recognise import read_dataset, read_defects

__all__ = ["read_dataset", "read_defects"]
