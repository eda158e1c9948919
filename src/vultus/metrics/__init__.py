"""What is counted and timed while serving, and its text for Prometheus; knows no part of the service."""
