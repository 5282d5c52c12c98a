"""Kafka as the event bus: the publisher sends events, sources receive them.

May import the application, the domain and aiokafka.
"""
