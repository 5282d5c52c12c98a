"""The `orders` command, with one module for each command or group of commands.

May import the application, the domain and every entrypoint, but not adapters.
"""
