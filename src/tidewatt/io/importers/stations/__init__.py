"""Import lists of charging stations."""
