"""Responses that Litestar does not encode."""
