"""Publish events to Kafka and receive them from there.

This package may only import the application, the domain and aiokafka.
"""
