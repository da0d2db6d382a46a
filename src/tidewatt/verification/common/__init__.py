"""What the checks of all kinds of results share."""
