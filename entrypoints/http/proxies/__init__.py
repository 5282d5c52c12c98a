"""Client addresses and path prefixes for a service behind reverse proxies."""
