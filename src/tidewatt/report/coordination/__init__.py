"""Figures of `coordinate`."""
