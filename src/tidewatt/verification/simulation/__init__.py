"""Re-derive results of `simulate`."""
