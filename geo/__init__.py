"""Where things are: datums, a local plane in metres, polygons, lines and H3 cells, for whole columns at once.

The ground floor. Outside `geo/datum.py` every coordinate is WGS-84.
"""
