"""What the server tells about itself. Nothing of a request is in it."""
