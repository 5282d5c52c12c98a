"""dishka providers, with one file or folder for each group of adapters."""
