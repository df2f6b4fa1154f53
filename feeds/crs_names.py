"""What files say of their CRS, before PROJ (slow to load) is asked."""

from __future__ import annotations

# RFC 7946 knows only this CRS, and older writers name it whatever the positions are: it says nothing.
_SAYS_NOTHING = ("CRS84", "EPSG:4326", "EPSG::4326")


class CrsFault(ValueError):
    """A CRS that gives no positions to rely on; the message says why and what to do."""


def is_undefined(name: str | None) -> bool:
    """Whether a GIS file says that it knows its CRS as little as one without any.

    >>> is_undefined(None), is_undefined('LOCAL_CS["Undefined Cartesian SRS"]'), is_undefined("EPSG:4490")
    (True, True, False)
    """
    return not name or "undefined" in name[:60].lower() or name.upper().startswith(("LOCAL_CS", "ENGCRS", "LOCAL "))


def stated_crs(root: dict[str, object]) -> str | None:
    """The name of a CRS that a JSON object states and that is not merely the default, or None.

    >>> stated_crs({"crs": {"type": "Name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}})
    >>> stated_crs({"crs": {"type": "name", "properties": {"name": "EPSG:4547"}}})
    'EPSG:4547'
    """
    member = root.get("crs")
    properties = member.get("properties") if isinstance(member, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    return name if isinstance(name, str) and not name.upper().endswith(_SAYS_NOTHING) else None
