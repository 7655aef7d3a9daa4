"""The check of one model's last window: its prediction log held against the profile that came with the model, each day.

`python -m delivery.monitoring.daily CONFIGURATION` is what a CronJob of the platform runs. Nothing of anybody's record
leaves it: counts, figures, names of the model's own fields.
"""
