"""The tables of the database, by subject. Importing this package makes all of them known to `Base.metadata`."""

from store.tables import access, api, base, casework, nights, registers, results

__all__ = ["access", "api", "base", "casework", "nights", "registers", "results"]
