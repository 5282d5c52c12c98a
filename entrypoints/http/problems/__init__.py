"""Error responses as problem details (RFC 9457)."""
