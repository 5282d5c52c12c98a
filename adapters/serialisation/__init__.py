"""Orders and their events as JSON, by msgspec.

May import the application, the domain and msgspec.
"""
