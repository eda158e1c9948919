"""Photos to faces, quality and embeddings: arrays in, arrays out; no settings, no SQL, no HTTP."""
