// `percent` off each unit (10 unless the setting says otherwise) for customers of the segment `member`.
import host from "onhand:rules/host@0.1.0";

export const pricingRule = {
  price(request, lines) {
    const percent = Number(host.config("percent") ?? "10");
    if (!Number.isInteger(percent)) throw { tag: "invalid-config", val: "percent is not a whole number" };
    const member = request.customer?.segment === "member";
    return lines.map(({ line, sku, listPrice }) => {
      if (listPrice?.currency !== request.currency) {
        throw { tag: "refused", val: `${sku} has no price in ${request.currency}` };
      }
      const off = { label: `Members: ${percent} % off`, target: "unit", amount: -Math.floor((listPrice.amount * percent) / 100) };
      return { line, unitPrice: listPrice, adjustments: member ? [off] : [] };
    });
  },
};
