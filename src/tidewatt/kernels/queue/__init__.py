"""Compiled: queues at charging stations, the choice of a station, and days replayed."""
