"""Ratios against a named floor, measured in one run: `python -m bench.NAME`, in the project's environment."""
