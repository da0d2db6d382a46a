"""What may be wrong with a scenario, as far as its arrays can tell."""
