"""Real PostgreSQL, Redis and Kafka for the tests: given by URL, in containers, or from packages.

`plugin.py` holds the fixtures, `lookup.py` the order of the lookup. The package imports nothing of
the service, so that a broken service cannot break its test environment.
"""
