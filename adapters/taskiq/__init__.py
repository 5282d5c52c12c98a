"""The task queue, by taskiq: in this process, or on a Redis stream.

May import the application, the domain, taskiq and redis.
"""
