"""The nouns of a scenario: pure data, no numerics, no files."""
