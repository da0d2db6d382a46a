"""Re-deriving a result from its files alone."""

from tidewatt.verification.common.findings import Check, VerificationReport
from tidewatt.verification.verify import verify

__all__ = ["Check", "VerificationReport", "verify"]
