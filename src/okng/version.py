"""The version of okng, for the package and for `okng --version`."""

__version__ = "0.1.0"
