"""`make prove`: kill the service everywhere under load, then audit it."""
