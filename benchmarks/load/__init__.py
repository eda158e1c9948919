"""A running server under load: bursts, starts and growth, versions beside each other, worker processes."""
