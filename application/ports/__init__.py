"""The ports: small protocols whose docstrings are the contracts of their adapters.

Each port has one suite in `tests/contract`, which all of its adapters pass, real or in memory.
May import the domain and the application's values, nothing else.
"""
