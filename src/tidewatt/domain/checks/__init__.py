"""What can be wrong with a scenario, as far as its arrays show."""
