"""The one serialisation of an order, and of the events that tell of it, as JSON by msgspec.

May import the application, the domain and msgspec.
"""
