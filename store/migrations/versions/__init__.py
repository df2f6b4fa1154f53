"""One step of the schema a file, written by `scripts/migration.py` and never changed once it is in use."""
