"""Figures of `simulate`."""
