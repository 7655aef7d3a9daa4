"""Where Parapet runs without a cloud: the tools, the engine's language host and the stand-ins for AWS."""
