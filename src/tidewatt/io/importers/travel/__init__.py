"""Import trip diaries, and weeks as they were driven."""
