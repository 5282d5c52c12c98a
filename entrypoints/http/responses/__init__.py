"""Responses that are not made by Litestar's encoder."""
