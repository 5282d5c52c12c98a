"""Test the contract over HTTP, with the real service in a separate process."""
