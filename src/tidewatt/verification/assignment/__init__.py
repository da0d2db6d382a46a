"""Re-derive results of `assign`."""
