"""Clients as users write them, each one file, and the test that runs them."""
