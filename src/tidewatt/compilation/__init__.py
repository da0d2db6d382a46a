"""How compiled functions are compiled, kept for later runs, and counted."""
