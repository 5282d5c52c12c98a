"""The rules of an order service: orders, their lifecycle, money, accounts and permissions.

Pure: no I/O, no clock, no randomness, no async. Times and ids are arguments.
May import the standard library and itself, nothing else.
"""
