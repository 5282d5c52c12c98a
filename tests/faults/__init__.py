"""The production deployment in real processes, with stopped servers and killed processes."""
