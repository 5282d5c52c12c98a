"""Tests that do not need a server, mostly of rules and use cases."""
