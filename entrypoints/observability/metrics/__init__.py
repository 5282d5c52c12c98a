"""The metrics of a process for Prometheus: one table, and the code that counts.

The only package that imports prometheus_client. May import the application.
"""
