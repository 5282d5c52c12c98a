"""The order cache, the rate limiter and the relay wakeup on Redis, with one client per process.

This package may only import the application, the domain, redis and hiredis.
"""
