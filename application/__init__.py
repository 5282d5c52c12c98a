"""What the service does: one use case a file, named for what it does, and the ports it needs.

A use case reads as a script; what it touches outside comes in as a port (`application.ports`).
May import the domain and the standard library, nothing else.
"""
