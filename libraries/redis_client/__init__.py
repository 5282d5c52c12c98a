"""A Redis client with one multiplexed connection and a circuit breaker."""
