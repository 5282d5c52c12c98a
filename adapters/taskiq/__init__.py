"""The task queue port on taskiq, and the policy for failed tasks; the brokers are libraries.

May import the application, the domain, taskiq and redis.
"""
