"""Whether a picture shows a face or a picture of a face."""
