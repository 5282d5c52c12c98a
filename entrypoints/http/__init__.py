"""The HTTP API: routes, who may ask what how often, problems, and the documents that describe it.

May import the application, the domain, Litestar and msgspec; no adapter.
"""
