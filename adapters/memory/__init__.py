"""Every port in memory, for tests and for a service in a single process.

Uniqueness, revisions and waiting are those of the real adapters. All of it belongs to one event
loop.
May import the application, the domain and the standard library.
"""
