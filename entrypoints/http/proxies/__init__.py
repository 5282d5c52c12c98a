"""The service behind reverse proxies: client addresses and path prefixes."""
