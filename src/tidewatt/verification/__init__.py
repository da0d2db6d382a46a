"""Re-deriving a result from its files alone."""

from tidewatt.verification.ledger import Check, Report
from tidewatt.verification.verify import verify

__all__ = ["Check", "Report", "verify"]
