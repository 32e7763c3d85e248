
// Added by `onhand rule build`.
import __host from "onhand:rules/host@0.1.0";

globalThis.console = Object.fromEntries(
  ["debug", "info", "log", "warn", "error"].map((level) => [
    level,
    (...parts) => __host.log(level === "log" ? "info" : level, parts.map(String).join(" ")),
  ]),
);

if (typeof RULE === "object") {
  for (const [name, call] of Object.entries(RULE)) {
    RULE[name] = (...asked) => {
      try {
        return call.apply(RULE, asked);
      } catch (error) {
        if (error?.tag) throw error;
        const text = `${error}\n${error?.stack ?? ""}`;
        __host.log("error", text);
        throw { tag: "internal", val: text };
      }
    };
  }
}
