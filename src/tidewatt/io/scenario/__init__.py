"""Read and write scenario folders."""
