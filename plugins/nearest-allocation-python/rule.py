"""An allocation rule: nearest to the destination, fewest splits, keeps pickup stock back.

The same rule as ../nearest-allocation, where its steps are explained.
"""

import math
from typing import List, Optional

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.allocation_rule import AskedLine, Plan, Planned, SkuStock
from wit_world.imports import host
from wit_world.imports.errors import Error_InvalidConfig
from wit_world.imports.places import Coordinates
from wit_world.imports.serving import Location, Request

FREE, KEPT, BACKORDER = range(3)
EARTH_RADIUS_KM = 6371.0


class AllocationRule(exports.AllocationRule):
    def allocate(
        self, request: Request, lines: List[AskedLine], locations: List[Location], stock: List[SkuStock]
    ) -> Plan:
        sharing = Sharing(lines, supplies(locations, order(request, locations), stock, keep_pickup()))
        for tier in (FREE, KEPT, BACKORDER):
            sharing.serve(tier)
        return sharing.plan()

    def rank(self, request: Request, locations: List[Location]) -> List[Optional[int]]:
        return [None if km is None else math.floor(km + 0.5) for km in kilometres(request, locations)]


def keep_pickup() -> int:
    text = host.config("keep_pickup")
    if text is None:
        return 1
    if not text.strip().isascii() or not text.strip().isdigit():
        raise Err(Error_InvalidConfig(f'keep_pickup = "{text}" is not a number of units'))
    return int(text)


def kilometres(request: Request, locations: List[Location]) -> List[Optional[float]]:
    """Along the great circle (haversine); none where either has no coordinates."""
    to = request.destination.coordinates if request.destination else None
    return [between(at.coordinates, to) if to and at.coordinates else None for at in locations]


def between(a: Coordinates, b: Coordinates) -> float:
    north, east = math.radians(b.lat - a.lat), math.radians(b.lon - a.lon)
    across = math.cos(math.radians(a.lat)) * math.cos(math.radians(b.lat)) * math.sin(east / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(min(math.sqrt(math.sin(north / 2) ** 2 + across), 1.0))


def order(request: Request, locations: List[Location]) -> List[int]:
    """Positions, nearest first; sorting is stable, so equals stay in serving order."""
    km = [math.inf if km is None else km for km in kilometres(request, locations)]
    return sorted(range(len(locations)), key=lambda at: km[at])


class Supply:
    """What one location still has of one SKU, in each tier."""

    def __init__(self, location: int, left: List[int]):
        self.location, self.left = location, left


def supplies(locations: List[Location], order: List[int], stock: List[SkuStock], keep: int) -> dict:
    """Per SKU, nearest location first."""
    rank = {location: rank for rank, location in enumerate(order)}

    def supply(offer) -> Supply:
        kept = min(keep, offer.available) if locations[offer.location].pickup else 0
        return Supply(offer.location, [offer.available - kept, kept, offer.backorderable])

    return {of.sku: sorted(map(supply, of.offers), key=lambda at: rank[at.location]) for of in stock}


class Sharing:
    def __init__(self, lines: List[AskedLine], supplies: dict):
        self.lines, self.supplies = lines, supplies
        self.left = [line.quantity for line in lines]
        self.serving: set = set()
        # Units by line and location: a location met again in a later tier adds to its part.
        self.parts: dict = {}

    def serve(self, tier: int) -> None:
        one = self.one_for_all(tier)
        for line in range(len(self.lines)):
            if one is not None:
                self.take(line, tier, one)
                continue
            while self.left[line] > 0 and (location := self.next(line, tier)) is not None:
                self.take(line, tier, location)

    def of(self, line: int) -> List[Supply]:
        return self.supplies.get(self.lines[line].sku, [])

    def one_for_all(self, tier: int) -> Optional[int]:
        """The nearest location that can serve all that is left of every line."""
        wanted: dict = {}
        for line, left in zip(self.lines, self.left):
            if left > 0:
                wanted[line.sku] = wanted.get(line.sku, 0) + left
        if not wanted:
            return None

        def has(sku: str, location: int) -> bool:
            at = (supply for supply in self.supplies.get(sku, []) if supply.location == location)
            return any(supply.left[tier] >= wanted[sku] for supply in at)

        candidates = self.supplies.get(next(iter(wanted)), [])
        return next((at.location for at in candidates if all(has(sku, at.location) for sku in wanted)), None)

    def next(self, line: int, tier: int) -> Optional[int]:
        """Where the next part of a line comes from: `min` and `max` keep the first of equals, the nearest."""
        whole = [supply for supply in self.of(line) if supply.left[tier] >= self.left[line]]
        some = [supply for supply in self.of(line) if supply.left[tier] > 0]
        if whole:
            return min(whole, key=lambda supply: supply.location not in self.serving).location
        return max(some, key=lambda supply: supply.left[tier]).location if some else None

    def take(self, line: int, tier: int, location: int) -> None:
        supply = next((supply for supply in self.of(line) if supply.location == location), None)
        units = min(self.left[line], supply.left[tier]) if supply else 0
        if units == 0:
            return
        supply.left[tier] -= units
        self.left[line] -= units
        self.serving.add(location)
        self.parts[line, location] = self.parts.get((line, location), 0) + units

    def plan(self) -> Plan:
        parts = sorted(self.parts.items())
        return Plan([Planned(self.lines[line].line, location, units) for (line, location), units in parts])
