"""HTTP/1.1: from bytes of a connection to requests, and from answers to bytes. It knows nothing of models."""
