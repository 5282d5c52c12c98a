"""A Redis client with a single multiplexed connection that is also a circuit breaker."""
