"""How Vultus is put together: every part built from the settings, and closed again."""
