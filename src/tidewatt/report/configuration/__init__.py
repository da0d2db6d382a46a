"""Figures of `configure`."""
