"""Time and ids by the operating system.

May import the application, the domain and the standard library.
"""
