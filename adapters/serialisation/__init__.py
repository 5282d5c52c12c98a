"""Serialise orders and their events to JSON with msgspec.

This package may only import the application, the domain and msgspec.
"""
