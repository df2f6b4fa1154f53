"""One of the doors: what an audit found, as files that other programs and people read.

GeoJSON, GeoParquet, CSV and the account of the run itself, all written so that the same audit gives the same bytes.
"""
