"""Ports are small protocols. Their docstrings are the contracts that adapters have to follow.

Each port has a test suite in `tests/contract` that all of its adapters pass, including the
in-memory ones. This package may only import the domain and the application's values.
"""
