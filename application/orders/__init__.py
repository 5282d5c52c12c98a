"""The use cases of orders."""
