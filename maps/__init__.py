"""One of the doors: findings and tracks as Folium maps that open without any network.

Every script, style and picture of a page is a file of ours, and text from outside never becomes markup or code.
"""
