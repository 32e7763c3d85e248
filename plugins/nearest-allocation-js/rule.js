// An allocation rule: nearest to the destination, fewest splits, keeps pickup stock back.
// The same rule as ../nearest-allocation, where its steps are explained.
import host from "onhand:rules/host@0.1.0";

const FREE = 0, KEPT = 1, BACKORDER = 2;
const TIERS = [FREE, KEPT, BACKORDER];
const EARTH_RADIUS_KM = 6371;

export const allocationRule = {
  allocate(request, lines, locations, stock) {
    const sharing = new Sharing(lines, supplies(locations, order(request, locations), stock, keepPickup()));
    for (const tier of TIERS) sharing.serve(tier);
    return { allocations: sharing.plan() };
  },

  rank(request, locations) {
    return kilometres(request, locations).map((km) => (km == null ? null : Math.round(km)));
  },
};

function keepPickup() {
  const text = host.config("keep_pickup") ?? "1";
  if (!/^\d{1,9}$/.test(text.trim())) {
    throw { tag: "invalid-config", val: `keep_pickup = "${text}" is not a number of units` };
  }
  return Number(text);
}

/** Kilometres along the great circle (haversine) per location; null where either has no coordinates. */
function kilometres(request, locations) {
  const to = request.destination?.coordinates;
  return locations.map(({ coordinates: from }) => (to == null || from == null ? null : between(from, to)));
}

function between(a, b) {
  const radians = (degrees) => (degrees * Math.PI) / 180;
  const [north, east] = [radians(b.lat - a.lat), radians(b.lon - a.lon)];
  const chord =
    Math.sin(north / 2) ** 2 + Math.cos(radians(a.lat)) * Math.cos(radians(b.lat)) * Math.sin(east / 2) ** 2;
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(Math.sqrt(chord), 1));
}

/** Positions, nearest first; sorting is stable, so equals stay in serving order. */
function order(request, locations) {
  const km = kilometres(request, locations).map((km) => km ?? Infinity);
  return locations.map((_, at) => at).sort((a, b) => (km[a] === km[b] ? 0 : km[a] - km[b]));
}

/** Per SKU what each location has in each tier, nearest location first. */
function supplies(locations, order, stock, keep) {
  const rank = new Map(order.map((location, rank) => [location, rank]));
  const bySku = new Map();
  for (const { sku, offers } of stock) {
    const supplies = offers.map(({ location, available, backorderable }) => {
      const kept = locations[location].pickup ? Math.min(keep, available) : 0;
      return { location, left: [available - kept, kept, backorderable] };
    });
    bySku.set(sku, supplies.sort((a, b) => rank.get(a.location) - rank.get(b.location)));
  }
  return bySku;
}

class Sharing {
  constructor(lines, supplies) {
    this.lines = lines;
    this.left = lines.map((line) => line.quantity);
    this.supplies = supplies;
    this.serving = new Set();
    // Per line, units by location: a location met again in a later tier adds to its part.
    this.parts = lines.map(() => new Map());
  }

  serve(tier) {
    const one = this.oneForAll(tier);
    for (let line = 0; line < this.lines.length; line++) {
      if (one != null) {
        this.take(line, tier, one);
        continue;
      }
      for (let at; this.left[line] > 0 && (at = this.next(line, tier)) != null; ) this.take(line, tier, at);
    }
  }

  of(line) {
    return this.supplies.get(this.lines[line].sku) ?? [];
  }

  /** The nearest location that can serve all that is left of every line. */
  oneForAll(tier) {
    const wanted = new Map();
    this.lines.forEach(({ sku }, line) => {
      if (this.left[line] > 0) wanted.set(sku, (wanted.get(sku) ?? 0) + this.left[line]);
    });
    const has = ([sku, units], location) =>
      (this.supplies.get(sku) ?? []).some((supply) => supply.location === location && supply.left[tier] >= units);
    const [first] = wanted.keys();
    const candidates = this.supplies.get(first) ?? [];
    return candidates.map((supply) => supply.location).find((at) => [...wanted].every((want) => has(want, at)));
  }

  /** Where the next part of a line comes from. */
  next(line, tier) {
    const whole = this.of(line).filter((supply) => supply.left[tier] >= this.left[line]);
    const found = whole.find((supply) => this.serving.has(supply.location)) ?? whole[0];
    const most = (best, supply) => (supply.left[tier] > (best?.left[tier] ?? 0) ? supply : best);
    return (found ?? this.of(line).reduce(most, undefined))?.location;
  }

  take(line, tier, location) {
    const supply = this.of(line).find((supply) => supply.location === location);
    const units = Math.min(this.left[line], supply?.left[tier] ?? 0);
    if (units === 0) return;
    supply.left[tier] -= units;
    this.left[line] -= units;
    this.serving.add(location);
    this.parts[line].set(location, (this.parts[line].get(location) ?? 0) + units);
  }

  plan() {
    return this.lines.flatMap(({ line }, at) =>
      [...this.parts[at]].sort(([a], [b]) => a - b).map(([location, quantity]) => ({ line, location, quantity })),
    );
  }
}
