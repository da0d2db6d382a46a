"""Re-derive results of `coordinate`."""
