"""Models that answer: a version of each, brought out by and by."""
