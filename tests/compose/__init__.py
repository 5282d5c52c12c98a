"""The stack of compose.yaml, really brought up: `make test-compose`. Not part of `make test`.

pytest finds `the_stack.py` where it is named, and nowhere else.
"""
