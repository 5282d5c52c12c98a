"""In-memory implementations of all ports, for tests and for running in a single process.

They behave like the real adapters as far as uniqueness, revisions and waiting are concerned.
Everything has to run in the same event loop. This package may only import the application, the
domain and the standard library.
"""
