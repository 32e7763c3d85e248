// Where shoppers collect comes first; the channel's next rule, or its own order, decides the rest.

export const rankingRule = {
  rank(request, locations) {
    return locations.map(({ pickup }) => (pickup ? 0 : null));
  },
};
