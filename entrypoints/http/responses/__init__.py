"""Responses that are not encoded by Litestar."""
