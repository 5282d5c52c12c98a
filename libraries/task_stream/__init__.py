"""taskiq brokers that use a Redis stream or run in the current process."""
