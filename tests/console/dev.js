// `onhand dev` and a browser on it, for as long as a test file runs.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const BINARY = process.env.ONHAND_BIN ?? new URL("../../target/debug/onhand", import.meta.url).pathname;
const CHROMIUM = process.env.ONHAND_CHROMIUM ?? "/usr/bin/chromium";
export const PASSWORD = "correct horse battery";

/** Starts it on free ports; `console`, `origin` and `edge` are its addresses, `tokens` its tokens. */
export async function dev(...more) {
  const child = spawn(BINARY, ["dev", "--port-base", "0", ...more], { stdio: ["ignore", "pipe", "ignore"] });
  const told = { tokens: {}, end: () => child.kill("SIGTERM") };
  for await (const line of createInterface({ input: child.stdout })) {
    const [, name, value] = /^(console invitation|console|edge public|origin api) (\S+)$/.exec(line) ?? [];
    if (name) told[{ "console invitation": "invitation", "edge public": "edge", "origin api": "origin" }[name] ?? name] = value;
    const token = /^token (\S+) (\S+)$/.exec(line);
    if (token) told.tokens[token[1]] = token[2];
    if (line.startsWith("ready")) return told;
  }
  throw new Error("onhand dev ended before it was ready");
}

export function browser() {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

/** A page that remembers what went wrong in it, and whom it called. */
export async function open(context, faults, hosts) {
  const page = await context.newPage();
  // A page that is refused is told of as an error, though it is an answer like any other.
  page.on("console", (message) => {
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("request", (request) => hosts.add(new URL(request.url()).host));
  return page;
}

export async function register(page, link, name) {
  await page.goto(link);
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Register" }).click();
  await page.getByText(name).first().waitFor();
}

/** Sets a count as another system would. */
export async function count(told, sku, location, quantity) {
  const answer = await fetch(`${told.origin}/inventory/products/${sku}/stock`, {
    method: "PUT",
    headers: { authorization: `Bearer ${told.tokens.admin}`, "content-type": "application/json" },
    body: JSON.stringify({ location, quantity, reason: "counted" }),
  });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
}
