"""One suite for each port, run with every adapter in `conftest.py`."""
