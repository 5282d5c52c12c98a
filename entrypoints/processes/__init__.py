"""The loops that run next to the API: relay, consumer, requeuer and retention.

Each of them calls use cases.

May import the application, the domain and the entrypoints' logs.
"""
