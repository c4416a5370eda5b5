"""What the ledger says of a shift: figures with exact limits, charts, and a page to print."""
