"""Figures of `tariff`."""
