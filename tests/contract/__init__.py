"""One suite for each port, run on every adapter that claims to be one; `conftest.py` lists them."""
