"""The use cases, one a file, and the ports that they need.

A use case is a script: get, check, change, save. It reaches storage, broker, clock and all other
technology through ports (`application.ports`).
May import the domain and the standard library, nothing else.
"""
