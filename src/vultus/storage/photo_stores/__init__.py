"""The stored photos elsewhere than in a local folder, and which store a URL names."""
