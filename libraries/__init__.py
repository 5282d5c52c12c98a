"""General-purpose libraries. They import neither the domain nor the application."""
