"""Import filings of utilities: grid needs assessments and integration capacity."""
