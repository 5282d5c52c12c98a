"""What Prometheus is to know of a process: one table of metrics, and who counts for it.

May import the application and prometheus_client, which nobody else knows.
"""
