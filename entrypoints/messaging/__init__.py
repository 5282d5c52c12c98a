"""Consumers of events, tasks, and the AsyncAPI document."""
