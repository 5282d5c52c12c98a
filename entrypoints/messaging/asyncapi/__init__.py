"""The AsyncAPI document of the messages on Kafka.

May import the application, the domain, `entrypoints.http`'s shapes and examples, and msgspec.
"""
