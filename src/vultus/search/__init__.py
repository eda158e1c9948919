"""1:N search in memory: exact, over int8 codes, with a PQ index for large collections. Knows no SQL."""
