"""Implementations of the ports, in one package per technology.

These packages don't import each other. Each of them may only import the application, the domain and
the library that it adapts.
"""
