"""Results of every study, saved as folders of files and loaded again."""

from tidewatt.io.results.folder import load, save

__all__ = ["load", "save"]
