"""The driving side: HTTP, the command line, the loops of the roles, settings and composition.

The entrypoints call the use cases. Only `entrypoints.composition` imports adapters.
"""
