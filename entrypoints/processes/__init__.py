"""The loops that run beside the API: relay, consumer, requeuer, retention.

Each drives use cases over ports.

May import the application, the domain and the entrypoints' logs.
"""
