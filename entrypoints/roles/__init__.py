"""The loops that run beside the API: relay, consumer, sweeper. Each drives use cases over ports.

May import the application, the domain and the entrypoints' logs.
"""
