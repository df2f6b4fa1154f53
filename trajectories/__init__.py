"""What the vehicle did: fixes in columns, cleaning that labels, spans of moving, standing and silence.

Fixes are never deleted and never copied; whatever is said of them is a flag or a half-open range of rows.
"""
