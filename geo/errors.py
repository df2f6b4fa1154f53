"""What can go wrong on the ground floor. Every message says what was found, what was expected and what to do."""


class GeoError(ValueError):
    """The root of all errors of this package."""


class DatumError(GeoError):
    """A datum that nobody knows."""


class ColumnError(GeoError):
    """Columns that do not belong together: other lengths, other shapes, indices without a shape behind them."""


class PlaneError(GeoError):
    """A local plane that cannot be laid: no position, or one too near a pole."""


class GeometryError(GeoError):
    """A shape that cannot be used: empty, of another type, with a coordinate that is no number."""
