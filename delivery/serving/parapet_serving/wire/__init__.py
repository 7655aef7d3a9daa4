"""What goes over the wire: bytes on the one side, matrices on the other."""
