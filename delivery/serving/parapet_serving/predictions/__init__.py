"""What was asked and answered, kept for the day when the outcome is known."""
