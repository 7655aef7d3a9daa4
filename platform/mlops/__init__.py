"""What the platform's users work with, in the cluster."""
