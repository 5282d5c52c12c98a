"""Time and identity as the operating system gives them.

May import the application, the domain and the standard library.
"""
