"""What the answers look like, for the OpenAPI documents: the schemas of the standard, with our examples."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.ogc.crs import Crs

_LINK = {"href": "https://audit.example/ogc/collections", "rel": "data", "type": "application/json", "title": None}


def _example(told: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [told]})


class Link(BaseModel):
    """A link (RFC 8288)."""

    model_config = _example(_LINK)
    href: str
    rel: str
    type: str
    title: str | None = None


class Landing(BaseModel):
    """Where to go from here."""

    model_config = _example({"title": "trajaudit", "description": "Findings on the map.", "links": [_LINK]})
    title: str
    description: str
    links: list[Link]


class Conformance(BaseModel):
    """The classes of the standard that are kept."""

    model_config = _example({"conformsTo": ["http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core"]})
    conformsTo: list[str]  # noqa: N815 -- the standard's name


class SpatialExtent(BaseModel):
    """Where its features lie."""

    bbox: list[list[float]]
    crs: str = Crs.CRS84


class TemporalExtent(BaseModel):
    """When; null: open."""

    interval: list[list[str | None]]
    trs: str = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"


class Extent(BaseModel):
    """Where and when its features lie."""

    spatial: SpatialExtent | None = None
    temporal: TemporalExtent | None = None


class Collection(BaseModel):
    """A collection of features."""

    model_config = _example(
        {
            "id": "zones", "title": "批准的训练场地", "description": "Approved places.", "itemType": "feature",
            "crs": [str(crs) for crs in Crs], "storageCrs": str(Crs.CRS84), "links": [_LINK],
        }
    )  # fmt: skip
    id: str
    title: str
    description: str
    extent: Extent | None = None
    itemType: Literal["feature"] = "feature"  # noqa: N815
    crs: list[str]
    storageCrs: str  # noqa: N815
    links: list[Link]


class Collections(BaseModel):
    """The collections that an account may read."""

    model_config = _example({"collections": [], "links": [_LINK]})
    collections: list[Collection]
    links: list[Link]


class Feature(BaseModel):
    """A GeoJSON Feature (RFC 7946)."""

    model_config = _example(
        {
            "type": "Feature", "id": "G02", "geometry": {"type": "Point", "coordinates": [113.58, 34.8]},
            "properties": {"zone_id": "G02", "kind": "ground"}, "links": [],
        }
    )  # fmt: skip
    type: Literal["Feature"]
    id: str
    geometry: dict[str, Any] | None
    properties: dict[str, Any]
    links: list[Link] = Field(default_factory=list)


class FeatureCollection(BaseModel):
    """A page of features."""

    model_config = _example(
        {
            "type": "FeatureCollection", "features": [], "links": [_LINK], "numberMatched": 6, "numberReturned": 0,
            "timeStamp": "2026-03-19T01:00:00Z",
        }
    )  # fmt: skip
    type: Literal["FeatureCollection"]
    features: list[Feature]
    links: list[Link]
    numberMatched: int | None = Field(None, description="Left out where counting would take too long.")  # noqa: N815
    numberReturned: int  # noqa: N815
    timeStamp: str = Field(json_schema_extra={"format": "date-time"})  # noqa: N815


class Queryables(BaseModel):
    """By which properties features are asked for: a JSON Schema."""

    model_config = _example({"type": "object", "title": "zones", "properties": {"kind": {"type": "string"}}})
    type: Literal["object"]
    title: str
    properties: dict[str, dict[str, Any]]
