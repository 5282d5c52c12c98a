"""Real PostgreSQL, Redis and Kafka for the tests: given by URL, in containers, or from packages.

`plugin.py` holds the fixtures; `found.py` says where a server is looked for. It imports nothing of
the service, so that a broken service cannot break the ground it is tested on.
"""
