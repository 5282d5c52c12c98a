"""Real PostgreSQL, Redis and Kafka for the tests: given by URL, in containers, or from packages.

The fixtures are in `plugin.py`, and the lookup order is in `lookup.py`. This package doesn't import
the service, which means that a broken service can't break its test environment.
"""
