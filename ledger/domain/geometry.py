"""Places on the earth as GeoJSON: a Point or a Polygon in WGS-84 degrees, longitude first.

Job: validate RFC 7946 3.1.2, 3.1.3, 3.1.6 geometries of hostile input. It converts no coordinate systems: maps made
in China often use GCJ-02, which is displaced by hundreds of metres and must be converted before it is sealed.
"""

from __future__ import annotations

import itertools

from ledger.domain.jsonshape import Node

MAX_RINGS = 20
MAX_POSITIONS = 1000  # of one ring: a surveyed orchard has dozens


def read_geometry(node: Node) -> str:
    """Check a Point or Polygon; returns its type. Raises Malformed with the pointer of the bad position."""
    fields = node.object(("type", "coordinates"), ("bbox",))
    kind = fields["type"].one_of(("Point", "Polygon"))
    if kind == "Point":
        _position(fields["coordinates"])
        return kind
    for ring in fields["coordinates"].list(1, MAX_RINGS):
        _ring(ring)
    return kind


def _position(node: Node) -> tuple[float, float]:
    numbers = node.list(2, 3)
    longitude, latitude = float(numbers[0].number()), float(numbers[1].number())
    if len(numbers) == 3:
        numbers[2].number()  # altitude in metres
    if not -180 <= longitude <= 180:
        numbers[0].refuse("longitude is outside -180..180")
    if not -90 <= latitude <= 90:
        numbers[1].refuse("latitude is outside -90..90", hint="GeoJSON puts longitude first")
    return longitude, latitude


def _ring(node: Node) -> None:
    positions = [_position(p) for p in node.list(4, MAX_POSITIONS)]
    if positions[0] != positions[-1]:
        node.refuse("the ring is not closed: its first and last positions differ")
    # Shoelace sum: a ring without area is a line or a point drawn as a polygon.
    twice_area = sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in itertools.pairwise(positions))
    if twice_area == 0 or len(set(positions)) < 3:
        node.refuse("the ring encloses no area")
