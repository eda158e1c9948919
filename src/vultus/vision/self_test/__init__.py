"""The self-test of loaded models: drawn faces, and what models answer to them."""
