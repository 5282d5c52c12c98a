"""A taskiq broker on a Redis stream."""
