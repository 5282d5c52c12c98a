"""Use cases for orders."""
