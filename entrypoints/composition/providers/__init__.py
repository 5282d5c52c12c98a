"""dishka providers: one file, or one folder, for each group of adapters."""
