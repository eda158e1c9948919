"""How many requests a key may make."""
