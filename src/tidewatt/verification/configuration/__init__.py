"""Re-derive results of `configure`."""
