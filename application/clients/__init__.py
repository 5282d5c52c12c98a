"""Use cases for machine clients."""
