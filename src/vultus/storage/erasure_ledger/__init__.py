"""Erasures that outlive a restore: the ledger outside the data folder, and its replay."""
