"""Clients in several languages, each in one file, and the test that runs them."""
