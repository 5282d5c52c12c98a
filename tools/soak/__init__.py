"""Load the service past its capacity for minutes."""
