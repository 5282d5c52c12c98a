"""Clients in several languages, one file each, and a test that runs them all."""
