"""What is watched while models answer, what is told of it, and to whom."""
