"""The production deployment in real processes, while servers are stopped and processes killed."""
