"""Image files to upright RGB pixels, within limits of pixels, memory and time."""
