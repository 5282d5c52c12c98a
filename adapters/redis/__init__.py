"""Redis as the order cache, the rate limiter and the relay's bell, over one link a process.

May import the application, the domain, redis and hiredis.
"""
