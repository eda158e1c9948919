"""What is stored of bulk jobs beside their rows: outcomes of photos, uploads, and whom to tell of the end."""
