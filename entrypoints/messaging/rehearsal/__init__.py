"""Rehearsals: made-up events with delivery faults, for testing a consumer.

May import the application, the domain and the encoder of messages.
"""
