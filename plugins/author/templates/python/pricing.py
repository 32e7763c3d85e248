"""`percent` off each unit (10 unless the setting says otherwise) for customers of the segment `member`."""

from typing import List

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.pricing_rule import Adjustment, AskedLine, LinePrice, Request, Target
from wit_world.imports import host
from wit_world.imports.errors import Error_InvalidConfig, Error_Refused


class PricingRule(exports.PricingRule):
    def price(self, request: Request, lines: List[AskedLine]) -> List[LinePrice]:
        percent = host.config("percent") or "10"
        if not (percent.isascii() and percent.isdigit()):
            raise Err(Error_InvalidConfig(f'percent = "{percent}" is not a whole number'))
        member = request.customer is not None and request.customer.segment == "member"
        return [price(request, line, int(percent) if member else 0) for line in lines]


def price(request: Request, line: AskedLine, percent: int) -> LinePrice:
    unit = line.list_price
    if unit is None or unit.currency != request.currency:
        raise Err(Error_Refused(f"{line.sku} has no price in {request.currency}"))
    off = Adjustment(f"Members: {percent} % off", Target.UNIT, -(unit.amount * percent // 100))
    return LinePrice(line.line, unit, [off] if percent else [])
