"""What the stand-ins for provider plugins share: the process, the protocol's gaps, values, and the two journals."""
