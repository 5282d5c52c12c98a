"""Implementations of the ports: one package for each technology. None imports another.

May import the application, the domain and the one library that it adapts.
"""
