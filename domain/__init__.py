"""The rules of an order service: what an order is, how it may change, what it costs, who may do it.

Pure: no I/O, no clock, no randomness, no async. Times and ids come in as arguments.
May import the standard library and itself, nothing else.
"""
