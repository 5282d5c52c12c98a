"""The service behind reverse proxies: client addresses, path prefixes and links."""
