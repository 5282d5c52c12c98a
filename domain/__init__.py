"""The business rules for orders and their lifecycle, money, accounts and permissions.

Everything here is pure: there is no I/O, clock, randomness or async code, and times and ids are
passed in as arguments. This package may only import itself and the standard library.
"""
