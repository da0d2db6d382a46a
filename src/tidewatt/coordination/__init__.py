"""`coordinate`: the certified best case of charging flexibility."""
