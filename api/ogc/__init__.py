"""OGC API - Features: what a geographic information system reads without knowing anything of us."""
