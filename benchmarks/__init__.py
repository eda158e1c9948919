"""Benchmarks of Vultus. `python -m benchmarks.run --help` says what is measured; nothing here is needed to serve."""
