"""What a person sees in a terminal: tables of its width, progress, colours. A pipe or a file gets plain text."""
