"""The process's Prometheus metrics: the table of metrics, and the code that counts.

Only this package imports prometheus_client. May import the application.
"""
