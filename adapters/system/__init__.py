"""The clock and the randomness of the operating system.

May import the application, the domain and the standard library.
"""
