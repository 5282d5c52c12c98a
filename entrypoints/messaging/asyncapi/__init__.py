"""What the service says on Kafka, described as AsyncAPI: the twin of the HTTP API's document.

May import the application, the domain, `entrypoints.http`'s shapes and examples, and msgspec.
"""
