"""Get the time and random numbers from the operating system.

This package may only import the application, the domain and the standard library.
"""
