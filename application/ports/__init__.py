"""What the use cases need from outside, as small protocols whose docstrings are the contract.

Every adapter of a port, real or in memory, passes the port's one suite in `tests/contract`.
May import the domain and the application's values, nothing else.
"""
