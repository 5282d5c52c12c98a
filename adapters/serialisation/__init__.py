"""The one serialisation of orders and of their events, as JSON by msgspec.

May import the application, the domain and msgspec.
"""
