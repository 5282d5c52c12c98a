"""The `orders` command: one module for each command or group of commands.

May import the application, the domain and every entrypoint; no adapter.
"""
