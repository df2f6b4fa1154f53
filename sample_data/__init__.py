"""A made city whose labels are known: its streets, its cars, their day, and what the providers would have answered.

Nothing in it is real. `python -m sample_data.make` writes the bundle, `python -m sample_data.bench_fleet` a big fleet.
"""
