// Nobody sees more than `cap` units of a SKU at a location (5 unless the setting says otherwise).
import host from "onhand:rules/host@0.1.0";

export const viewRule = {
  view(request, stock) {
    const cap = units("cap", 5);
    const locations = stock.locations.map(({ available, backorderable }, location) => ({
      location,
      available: Math.min(available, cap),
      backorderable,
    }));
    return { locations, label: null };
  },
};

function units(name, otherwise) {
  const text = host.config(name);
  if (text == null) return otherwise;
  if (!/^\d{1,10}$/.test(text)) throw { tag: "invalid-config", val: `${name} = "${text}" is not a number of units` };
  return Number(text);
}
