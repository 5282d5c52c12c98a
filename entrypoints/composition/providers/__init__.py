"""dishka providers: one file per group of adapters."""
