"""The task queue and the retry policy for failed tasks, based on taskiq.

The brokers themselves are in `libraries`. This package may only import the application, the domain,
taskiq and redis.
"""
