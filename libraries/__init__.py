"""General-purpose libraries that don't import the domain or the application."""
