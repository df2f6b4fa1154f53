"""The tables of the database, by subject. Importing this package makes all of them known to `Base.metadata`."""

from store.tables import access, base, casework, nights, registers, results

__all__ = ["access", "base", "casework", "nights", "registers", "results"]
