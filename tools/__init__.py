"""What the Makefile runs: the environment, the locks, the checks, the demo, the benchmark.

The service never imports any of it. `environment.py` runs before anything is installed: standard
library only.
"""
