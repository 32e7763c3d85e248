"""Nobody sees more than `cap` units of a SKU at a location (5 unless the setting says otherwise)."""

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.view_rule import Presentation, Request, Shown, Stock
from wit_world.imports import host
from wit_world.imports.errors import Error_InvalidConfig


class ViewRule(exports.ViewRule):
    def view(self, request: Request, stock: Stock) -> Presentation:
        cap = units("cap", 5)
        shown = [
            Shown(location, min(at.available, cap), at.backorderable) for location, at in enumerate(stock.locations)
        ]
        return Presentation(shown, None)


def units(name: str, otherwise: int) -> int:
    text = host.config(name)
    if text is None:
        return otherwise
    if not (text.isascii() and text.isdigit()):
        raise Err(Error_InvalidConfig(f'{name} = "{text}" is not a number of units'))
    return int(text)
