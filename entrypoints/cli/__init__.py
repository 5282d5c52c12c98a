"""The `orders` command: one module for each command, one line of help for each.

May import the application, the domain, the composition root and what is beside it here.
"""
