"""The production shape in real processes, while servers go away and processes are killed."""
