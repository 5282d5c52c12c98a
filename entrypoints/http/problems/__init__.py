"""Error responses as problem documents (RFC 9457)."""
