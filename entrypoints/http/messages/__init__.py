"""Parsers of requests, and the schemas of the API's messages."""
