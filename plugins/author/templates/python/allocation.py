"""The first location that has every line in full serves them all; else the built-in strategy decides."""

from collections import Counter
from typing import List, Optional

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.allocation_rule import AskedLine, Plan, Planned, SkuStock
from wit_world.imports.errors import Error_Refused
from wit_world.imports.serving import Location, Request


class AllocationRule(exports.AllocationRule):
    def allocate(
        self, request: Request, lines: List[AskedLine], locations: List[Location], stock: List[SkuStock]
    ) -> Plan:
        # Lines of one SKU share its stock.
        asked: Counter = Counter()
        for line in lines:
            asked[line.sku] += line.quantity
        has = {(of.sku, offer.location): offer.available for of in stock for offer in of.offers}
        for location in range(len(locations)):
            if all(has.get((sku, location), 0) >= units for sku, units in asked.items()):
                return Plan([Planned(line.line, location, line.quantity) for line in lines])
        raise Err(Error_Refused("no location has it all"))

    def rank(self, request: Request, locations: List[Location]) -> List[Optional[int]]:
        return [None] * len(locations)
