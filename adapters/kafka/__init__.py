"""Kafka as the event bus: events go out by the publisher, and come in by the source.

May import the application, the domain and aiokafka.
"""
