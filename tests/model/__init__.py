"""A model of the service, compared with the use cases while processes crash between two steps."""
