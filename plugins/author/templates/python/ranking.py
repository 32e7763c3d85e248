"""Where shoppers collect comes first; the channel's next rule, or its own order, decides the rest."""

from typing import List, Optional

from wit_world import exports
from wit_world.imports.serving import Location, Request


class RankingRule(exports.RankingRule):
    def rank(self, request: Request, locations: List[Location]) -> List[Optional[int]]:
        return [0 if location.pickup else None for location in locations]
