"""One test suite per port. Each suite runs with every adapter in `conftest.py`."""
