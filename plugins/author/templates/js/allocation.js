// The first location that has every line in full serves them all; else the built-in strategy decides.

export const allocationRule = {
  allocate(request, lines, locations, stock) {
    // Lines of one SKU share its stock.
    const asked = new Map();
    for (const { sku, quantity } of lines) asked.set(sku, (asked.get(sku) ?? 0) + quantity);
    const available = (sku, location) =>
      stock.find((of) => of.sku === sku)?.offers.find((offer) => offer.location === location)?.available ?? 0;
    const location = locations.findIndex((_, at) => [...asked].every(([sku, units]) => available(sku, at) >= units));
    if (location < 0) throw { tag: "refused", val: "no location has it all" };
    return { allocations: lines.map(({ line, quantity }) => ({ line, location, quantity })) };
  },

  rank(request, locations) {
    return locations.map(() => null);
  },
};
