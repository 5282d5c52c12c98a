"""Redis as the order cache, the rate limiter and the relay wakeup, over one client a process.

May import the application, the domain, redis and hiredis.
"""
