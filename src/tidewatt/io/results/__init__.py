"""Results of every study as folders of files, and back."""

from tidewatt.io.results.folder import load, save

__all__ = ["load", "save"]
