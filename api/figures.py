"""Small pictures drawn on the server as inline SVG: a locator map, a site's outline, a temperature chart.

They need no tiles, no script and no third party. Colours come from the style sheet through classes. The map is
schematic: drawn from a few dozen rounded coordinates, it shows where about a place lies and nothing of borders.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from api.catalogue import CHINA, Speaker, iso
from ledger.domain.members import ZONES

# Guangdong's shape in rounded lon/lat degrees, clockwise from the east coast.
PROVINCE = (
    (117.18, 23.62), (116.98, 23.9), (116.95, 24.2), (116.75, 24.6), (116.45, 24.83), (116.2, 24.78), (115.95, 24.92),
    (115.75, 24.72), (115.8, 24.56), (115.45, 24.76), (115.1, 24.68), (114.85, 24.58), (114.42, 24.5), (114.4, 24.68),
    (114.68, 24.95), (114.55, 25.12), (114.72, 25.28), (114.4, 25.32), (114.05, 25.27), (113.92, 25.42), (113.6, 25.33),
    (113.3, 25.5), (113.0, 25.4), (112.88, 25.2), (113.0, 24.98), (112.75, 24.92), (112.4, 25.12), (112.15, 25.18),
    (112.03, 25.0), (112.15, 24.85), (111.95, 24.7), (112.05, 24.42), (111.88, 24.22), (111.6, 24.08), (111.4, 23.95),
    (111.48, 23.62), (111.36, 23.4), (111.36, 23.0), (111.2, 22.75), (110.9, 22.6), (110.7, 22.4), (110.75, 22.28),
    (110.4, 22.2), (110.34, 21.9), (109.98, 21.9), (109.9, 21.65), (109.75, 21.6), (109.78, 21.45), (109.92, 21.45),
    (109.9, 21.1), (109.68, 20.95), (109.72, 20.6), (109.88, 20.35), (109.98, 20.22), (110.3, 20.25), (110.5, 20.42),
    (110.38, 20.7), (110.2, 20.9), (110.32, 21.05), (110.52, 21.1), (110.62, 21.22), (110.85, 21.37), (111.1, 21.48),
    (111.35, 21.46), (111.65, 21.52), (111.85, 21.68), (112.0, 21.75), (112.35, 21.72), (112.5, 21.85), (112.8, 21.87),
    (112.95, 22.0), (113.15, 22.05), (113.3, 22.0), (113.5, 22.18), (113.6, 22.4), (113.55, 22.65), (113.5, 22.9),
    (113.6, 22.95), (113.7, 22.75), (113.88, 22.5), (114.05, 22.5), (114.28, 22.57), (114.5, 22.48), (114.6, 22.6),
    (114.55, 22.75), (114.75, 22.78), (114.9, 22.6), (115.2, 22.78), (115.4, 22.72), (115.65, 22.86), (115.9, 22.82),
    (116.2, 22.92), (116.5, 22.94), (116.62, 23.12), (116.78, 23.24), (116.88, 23.42), (117.02, 23.5),
)  # fmt: skip
WEST, EAST, SOUTH, NORTH = 107.5, 118.6, 19.95, 25.75
MAP_WIDTH = 320.0
METRES_PER_DEGREE = 111_320.0


@dataclass(frozen=True, slots=True)
class Reading:
    """One temperature reading in °C at a Unix time; `low` and `high` when the sensor reported a range."""

    time: int
    value: float
    low: float
    high: float
    place: str


def _project(longitude: float, latitude: float) -> tuple[float, float]:
    scale = MAP_WIDTH / (EAST - WEST)
    stretch = 1 / math.cos(math.radians((SOUTH + NORTH) / 2))
    return (longitude - WEST) * scale, (NORTH - latitude) * scale * stretch


def _smooth(points: Sequence[tuple[float, float]]) -> str:
    """A closed outline with softened corners: quadratic curves through the middles of its sides."""
    middles = [((a[0] + b[0]) / 2, (a[1] + b[1]) / 2) for a, b in zip(points, (*points[1:], points[0]), strict=True)]
    curves = (
        f"Q{corner[0]:.1f} {corner[1]:.1f} {middle[0]:.1f} {middle[1]:.1f}"
        for corner, middle in zip(points, middles, strict=True)
    )
    return f"M{middles[-1][0]:.1f} {middles[-1][1]:.1f}" + "".join(curves) + "z"


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + "z"


def locator_map(s: Speaker, *, title: str, here: tuple[float, float] | None, active: Sequence[int]) -> Markup:
    """The seven zones with the active ones marked, and the site itself where its coordinates are known."""
    height = _project(EAST, SOUTH)[1]
    parts = [
        f'<svg class="map" viewBox="0 0 {MAP_WIDTH:.0f} {height:.0f}" role="img" aria-labelledby="map-title">',
        f'<title id="map-title">{escape(title)}</title>',
        f'<path class="land" d="{_smooth([_project(*point) for point in PROVINCE])}"/>',
    ]
    for code, zone in ZONES.items():
        x, y = _project(zone.longitude, zone.latitude)
        state = "zone active" if code in active else "zone"
        # neighbours whose names would collide are labelled on the left
        left = code in (4, 5, 7)
        anchor = ' text-anchor="end"' if left else ""
        parts.append(
            f'<g class="{state}"><circle cx="{x:.1f}" cy="{y:.1f}" r="{5 if code in active else 3.5}"/>'
            f'<text x="{x - 8 if left else x + 8:.1f}" y="{y + 4:.1f}"{anchor}>'
            f"{escape(s.pair(zone.zh, zone.en))}</text></g>"
        )
    if here and WEST <= here[0] <= EAST and SOUTH <= here[1] <= NORTH:
        x, y = _project(*here)
        parts.append(
            f'<g class="here"><circle cx="{x:.1f}" cy="{y:.1f}" r="11"/>'
            f'<path d="M{x:.1f} {y:.1f}l-6 -14a6.5 6.5 0 1 1 12 0z"/>'
            f'<circle class="eye" cx="{x:.1f}" cy="{y - 15:.1f}" r="2.4"/></g>'
        )
    parts.append("</svg>")
    return Markup("".join(parts))  # noqa: S704 - every outside text above went through escape()


def centre(geometry: Any) -> tuple[float, float] | None:
    """Longitude and latitude of a sealed GeoJSON Point or Polygon (mean of the ring's corners)."""
    ring = _ring(geometry)
    if not ring:
        return None
    corners = ring[:-1] if len(ring) > 1 else ring
    return sum(x for x, _ in corners) / len(corners), sum(y for _, y in corners) / len(corners)


def _ring(geometry: Any) -> list[tuple[float, float]]:
    if not isinstance(geometry, dict):
        return []
    coordinates = geometry.get("coordinates")
    try:
        if geometry.get("type") == "Point":
            return [(float(coordinates[0]), float(coordinates[1]))]  # type: ignore[index]
        if geometry.get("type") == "Polygon":
            return [(float(point[0]), float(point[1])) for point in coordinates[0]]  # type: ignore[index]
    except (TypeError, ValueError, IndexError, KeyError):
        return []
    return []


def site_outline(s: Speaker, geometry: Any, *, title: str) -> Markup | None:
    """The site's own boundary with a scale bar and north up; None for a point or a place without extent."""
    ring = _ring(geometry)
    middle = centre(geometry)
    if len(ring) < 4 or middle is None:
        return None
    shrink = math.cos(math.radians(middle[1]))
    metres = [((x - middle[0]) * METRES_PER_DEGREE * shrink, (middle[1] - y) * METRES_PER_DEGREE) for x, y in ring]
    left, right = min(x for x, _ in metres), max(x for x, _ in metres)
    top, bottom = min(y for _, y in metres), max(y for _, y in metres)
    extent = max(right - left, (bottom - top) * 1.6)
    if extent <= 0:
        return None
    scale = 260 / extent
    width, height = 320.0, max(90.0, (bottom - top) * scale + 50)
    shift_x, shift_y = width / 2 - (left + right) / 2 * scale, (height - 26) / 2 + 4 - (top + bottom) / 2 * scale
    shape = _path([(x * scale + shift_x, y * scale + shift_y) for x, y in metres])
    bar = 10 ** math.floor(math.log10(extent / 2))
    bar = next(size for size in (5 * bar, 2 * bar, bar) if size <= extent / 2)
    label = f"{bar / 1000:g} km" if bar >= 1000 else f"{bar:g} m"
    y = height - 10
    return Markup(  # noqa: S704 - the only outside text went through escape()
        f'<svg class="outline" viewBox="0 0 {width:.0f} {height:.0f}" role="img"><title>{escape(title)}</title>'
        f'<path class="field" d="{shape}"/><path class="bar" d="M14 {y - 5:.1f}v5h{bar * scale:.1f}v-5"/>'
        f'<text x="{20 + bar * scale:.1f}" y="{y:.1f}">{label}</text>'
        f'<path class="north" d="M300 {y:.1f}l6 -16l6 16l-6 -4z"/></svg>'
    )


def temperature_chart(s: Speaker, readings: Sequence[Reading], *, title: str, summary: str) -> Markup | None:
    """A line through the readings with the reported range as a band; None for fewer than two readings."""
    if len(readings) < 2:
        return None
    width, height, left, right, top, bottom = 680.0, 250.0, 62.0, 14.0, 16.0, 40.0
    first, last = readings[0].time, readings[-1].time
    lowest, highest = min(r.low for r in readings), max(r.high for r in readings)
    step = _nice((highest - lowest) / 4 or 1.0)
    floor, ceiling = math.floor(lowest / step) * step, math.ceil(highest / step) * step
    if ceiling - floor < step:
        ceiling = floor + step
    span = max(1, last - first)

    def x(time: float) -> float:
        return left + (time - first) / span * (width - left - right)

    def y(value: float) -> float:
        return top + (ceiling - value) / (ceiling - floor) * (height - top - bottom)

    parts = [
        f'<svg class="chart" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
        'aria-labelledby="chart-title chart-desc">',
        f'<title id="chart-title">{escape(title)}</title><desc id="chart-desc">{escape(summary)}</desc>',
    ]
    for i in range(round((ceiling - floor) / step) + 1):
        value = floor + i * step
        parts.append(
            f'<path class="grid" d="M{left} {y(value):.1f}H{width - right}"/>'
            f'<text x="{left - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g}°</text>'
        )
    parts += [
        f'<text x="{x(tick):.1f}" y="{height - 10}" text-anchor="{anchor}">{escape(label)}</text>'
        for tick, label, anchor in _ticks(first, last)
    ]
    upper = [(x(r.time), y(r.high)) for r in readings]
    lower = [(x(r.time), y(r.low)) for r in reversed(readings)]
    if any(r.high > r.low for r in readings):
        parts.append(f'<path class="band" d="{_path(upper + lower)}"/>')
    line = "L".join(f"{x(r.time):.1f} {y(r.value):.1f}" for r in readings)
    parts.append(f'<path class="line" d="M{line}"/>')
    if len(readings) <= 80:
        parts += [
            f'<circle cx="{x(r.time):.1f}" cy="{y(r.value):.1f}" r="3">'
            f"<title>{iso(r.time)} {r.value:g} °C</title></circle>"
            for r in readings
        ]
    parts.append("</svg>")
    return Markup("".join(parts))  # noqa: S704 - every outside text above went through escape()


def _nice(step: float) -> float:
    """The next step of the series 1, 2, 5, 10 … so that axis labels are round."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(size * power for size in (1, 2, 5, 10) if size * power >= step * 0.999)


def _ticks(first: int, last: int) -> list[tuple[int, str, str]]:
    def label(moment: int) -> str:
        when = datetime.datetime.fromtimestamp(moment, CHINA)
        return f"{when:%m-%d}" if last - first > 3 * 86400 else f"{when:%m-%d %H:%M}"

    middle = (first + last) // 2
    return [(first, label(first), "start"), (middle, label(middle), "middle"), (last, label(last), "end")]
