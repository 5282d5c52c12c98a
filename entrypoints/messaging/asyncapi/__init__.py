"""The AsyncAPI document, which describes the messages on Kafka.

May import the application, the domain, the subscriptions, the schemas and examples of
`entrypoints.http`, and msgspec.
"""
