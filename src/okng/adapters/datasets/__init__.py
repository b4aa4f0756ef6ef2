"""Datasets on disk: one layout per file, and how to tell them apart."""

from okng.adapters.datasets.recognise import LIST_SUFFIXES, read_dataset, read_defects

__all__ = ["LIST_SUFFIXES", "read_dataset", "read_defects"]
