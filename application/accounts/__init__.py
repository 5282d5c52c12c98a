"""Use cases for accounts."""
