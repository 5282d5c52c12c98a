"""The HTTP API: routes, guards, messages, problems, and the OpenAPI document.

`entrypoints.http.app` assembles them.
"""
