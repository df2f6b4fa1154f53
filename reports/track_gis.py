"""A vehicle's day for geographic information systems: GeoPackage with five layers, GeoParquet of its fixes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from reports.parquet import GEOPARQUET_VERSION
from reports.plain import json_text
from reports.track_tables import TrackTables

WGS84 = "EPSG:4326"
LAYERS = {"fixes": "Point", "spans": "Unknown", "stops": "Point", "trainings": "Unknown", "zones": "Unknown"}
"""Layer to its geometry type; Unknown where points, lines and areas stand side by side."""


def write_geopackage(path: Path, tables: TrackTables) -> None:
    """Write the layers `fixes`, `spans`, `stops`, `trainings` and `zones`; see `write_layers`."""
    write_layers(path, tables.service_date, {layer: getattr(tables, layer) for layer in LAYERS})


def write_layers(path: Path, service_date: date, tables: Mapping[str, pa.Table]) -> None:
    """Write tables as layers of a new GeoPackage; lists become comma-joined text.

    The same tables give the same bytes: the date that a GeoPackage must carry for its last change is that of the
    service day, not of the writing. Raises OSError where the file cannot be written.
    """
    from pyogrio import get_gdal_config_option, set_gdal_config_options, write_arrow  # noqa: PLC0415 -- brings GDAL
    from pyogrio.errors import DataLayerError, DataSourceError  # noqa: PLC0415

    stamp = datetime.combine(service_date, time(), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    before = get_gdal_config_option("OGR_CURRENT_DATE")
    set_gdal_config_options({"OGR_CURRENT_DATE": stamp})
    geometry = {"geometry_name": "geometry", "crs": WGS84}
    try:
        for layer, table in tables.items():
            write_arrow(_joined(table), path, layer=layer, driver="GPKG", geometry_type=LAYERS[layer], **geometry)
    except (DataSourceError, DataLayerError) as no:
        raise OSError(str(no)) from no
    finally:
        set_gdal_config_options({"OGR_CURRENT_DATE": before})


def _joined(table: pa.Table) -> pa.Table:
    table = table.combine_chunks()  # each chunk would be a transaction of its own, and show in the file
    for i, field in enumerate(table.schema):
        if pa.types.is_list(field.type):
            texts = table.column(i).cast(pa.list_(pa.string()))
            table = table.set_column(i, field.name, pc.binary_join(texts, ","))
    return table


def write_geoparquet(path: Path, tables: TrackTables) -> None:
    """Write the fixes as GeoParquet 1.1; `trajaudit` in the file's metadata names vehicle, service day and zone."""
    fixes = tables.fixes
    column: dict[str, Any] = {"encoding": "WKB", "geometry_types": ["Point"], "bbox": _bounds(fixes)}
    geo = {"version": GEOPARQUET_VERSION, "primary_column": "geometry", "columns": {"geometry": column}}
    about = {
        "vehicle_id": fixes["vehicle_id"][0].as_py(),
        "service_date": tables.service_date.isoformat(),
        "timezone": tables.local.name,
    }
    metadata = {"geo": json_text(geo), "trajaudit": json_text(about)}
    pq.write_table(fixes.replace_schema_metadata(metadata), path, compression="zstd")


def _bounds(fixes: pa.Table) -> list[float]:
    lon, lat = (pc.min_max(fixes[name]).as_py() for name in ("lon_deg", "lat_deg"))
    return [lon["min"], lat["min"], lon["max"], lat["max"]]
