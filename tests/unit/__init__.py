"""Rules and use cases alone: no server, no file, no network."""
