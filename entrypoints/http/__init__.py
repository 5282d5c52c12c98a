"""The HTTP API: routes, guards, messages, problems and the OpenAPI document.

Everything is put together in `entrypoints.http.app`.
"""
