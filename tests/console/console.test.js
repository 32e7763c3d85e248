// The console in a real browser, against `onhand dev`.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { PASSWORD, browser, count, dev, open, register } from "./dev.js";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PICTURES = process.env.ONHAND_PICTURES; // the folder of docs/console, to make them anew
const PAGES = [
  "/shop", "/shop?q=cake", "/shop/items/22423", "/items", "/items?q=nothing-has-this", "/items/22423", "/low-stock", "/places",
  "/import", "/now", "/explain?sku=22423", "/lanes", "/dead-letters", "/rules", "/health", "/trail", "/users", "/nowhere",
];

let told, chromium;
before(async () => {
  told = await dev();
  chromium = await browser();
});
after(async () => {
  await chromium?.close();
  told?.end();
});

/** Whoever signs in first has the invitation; the others are given the session. */
let admin;
async function context(options = {}) {
  const made = await chromium.newContext({ viewport: { width: 1200, height: 800 }, ...options });
  if (admin) await made.addCookies(admin);
  return made;
}

const watched = () => ({ faults: [], hosts: new Set() });
const clean = ({ faults, hosts }) => {
  assert.deepEqual(faults, []);
  assert.deepEqual([...hosts], [new URL(told.console).host]);
};

async function picture(page, name) {
  if (PICTURES) await page.screenshot({ path: `${PICTURES}/${name}.png` });
}

async function violations(page) {
  // Axe is the test's, not the page's: it comes in past the page's policy.
  await page.evaluate(AXE);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(" | ")}`);
}

test("an invitation makes an admin, who signs out and in again", async () => {
  const seen = watched();
  const own = await context();
  const page = await open(own, seen.faults, seen.hosts);
  await register(page, told.invitation, "ann");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Name", { exact: true }).fill("ann");
  await page.getByLabel("Password", { exact: true }).fill("not the password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("The name or the password is wrong.").waitFor();
  assert.deepEqual(await violations(page), []);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Items" }).waitFor();
  admin = await own.cookies();
  clean(seen);
  await own.close();
});

test("a count moves live in two tabs, without the page being loaded again", async () => {
  const seen = watched();
  const own = await context();
  const tabs = [await open(own, seen.faults, seen.hosts), await open(own, seen.faults, seen.hosts)];
  for (const tab of tabs) await tab.goto(`${told.console}/shop/items/22423`);
  for (const tab of tabs) await tab.evaluate(() => (globalThis.same = true));
  await count(told, "22423", "eu-1", 44);
  for (const tab of tabs) {
    await tab.bringToFront();
    await tab.locator("[data-stock] tbody tr", { hasText: "eu-1" }).getByText("44", { exact: true }).waitFor();
    await tab.getByText(/^As of \d+\.\d s ago$/).waitFor();
    assert.equal(await tab.evaluate(() => globalThis.same), true);
  }
  clean(seen);
  await own.close();
});

test("seven tabs at once are all answered, and the count moves in each", async () => {
  const own = await context();
  const seen = watched();
  const tabs = [];
  for (let tab = 0; tab < 7; tab++) {
    tabs.push(await open(own, seen.faults, seen.hosts));
    await tabs.at(-1).goto(`${told.console}/shop/items/22423`, { timeout: 10_000 });
  }
  await count(told, "22423", "eu-1", 43);
  for (const tab of tabs) {
    await tab.locator("[data-stock] tbody tr", { hasText: "eu-1" }).getByText("43", { exact: true }).waitFor();
  }
  clean(seen);
  await own.close();
});

test("without a script everything goes on", async () => {
  const own = await context({ javaScriptEnabled: false });
  const page = await own.newPage();
  await page.goto(`${told.console}/shop`);
  await page.getByLabel("Words", { exact: true }).fill("cake");
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByRole("link", { name: "Regency cakestand" }).click();
  await page.getByRole("button", { name: "Hold for ten minutes" }).click();
  await page.getByText("What you hold").waitFor();
  await page.getByText(/It ends at /).waitFor();
  await page.getByRole("button", { name: "Confirm" }).click();
  await page.getByText("The hold is confirmed.").waitFor();
  await page.goto(`${told.console}/shop/items/22423`);
  await page.getByRole("button", { name: "Order" }).click();
  await page.getByRole("heading", { name: "Your order" }).first().waitFor();
  await own.close();
});

test("a hold counts down, and an order reaches its end by itself", async () => {
  const seen = watched();
  const own = await context();
  const page = await open(own, seen.faults, seen.hosts);
  await page.goto(`${told.console}/shop/items/85123A`);
  await page.getByRole("button", { name: "Hold for ten minutes" }).click();
  await page.getByText(/^9:\d\d left$/).waitFor();
  await picture(page, "hold");
  assert.deepEqual(await violations(page), []);
  await page.goto(`${told.console}/shop/items/85123A`);
  await page.getByRole("button", { name: "Order" }).click();
  await page.getByText("confirmed").waitFor({ timeout: 60_000 });
  clean(seen);
  await own.close();
});

test("a keyboard reaches the content and what it changes", async () => {
  const own = await context();
  const seen = watched();
  const page = await open(own, seen.faults, seen.hosts);
  await page.goto(`${told.console}/lanes`);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  const outline = await page.evaluate(() => {
    document.querySelector("main button").focus({ focusVisible: true });
    return getComputedStyle(document.activeElement).outlineStyle;
  });
  assert.equal(outline, "solid");
  await page.getByLabel("Reason", { exact: true }).first().focus();
  await page.keyboard.type("a try");
  await page.keyboard.press("Enter");
  await page.getByText("The lane is paused").waitFor();
  await page.getByLabel("Reason", { exact: true }).first().fill("enough");
  await page.getByRole("button", { name: /Resume/ }).click();
  await page.getByText("The lane goes on.").waitFor();
  clean(seen);
  await own.close();
});

for (const colorScheme of ["light", "dark"]) {
  test(`axe finds nothing on any page (${colorScheme}), and none calls another host`, async () => {
    const seen = watched();
    const own = await context({ colorScheme });
    const page = await open(own, seen.faults, seen.hosts);
    for (const path of PAGES) {
      await page.goto(told.console + path);
      assert.deepEqual(await violations(page), [], path);
      const name = path.split("?")[0].slice(1).replaceAll("/", "-");
      if (colorScheme === "light" && ["/now", "/explain?sku=22423", "/items/22423"].includes(path)) await picture(page, name);
    }
    clean(seen);
    await own.close();
  });
}

test("axe finds nothing on what a form is answered with", async () => {
  const seen = watched();
  const own = await context();
  const page = await open(own, seen.faults, seen.hosts);
  const sound = async (text) => {
    await page.getByText(text).first().waitFor();
    assert.deepEqual(await violations(page), [], text);
  };
  await page.goto(`${told.console}/users`);
  await page.getByRole("button", { name: "Make a link" }).click();
  await sound("Send this link");
  await page.goto(`${told.console}/import`);
  const file = "sku,location,quantity\n22423,eu-1,7\nnone,eu-1,1\n";
  await page.getByLabel("File", { exact: true }).setInputFiles({ name: "stock.csv", mimeType: "text/csv", buffer: Buffer.from(file) });
  await page.getByRole("button", { name: "Send the file" }).click();
  await sound("Rows that are wrong");
  await page.goto(`${told.console}/items/47566`);
  await count(told, "47566", "eu-1", 12);
  const row = page.locator("#stock tbody tr", { hasText: "eu-1" });
  await row.getByLabel("Counted").fill("15");
  await row.getByLabel("Reason").fill("counted");
  await row.getByRole("button", { name: "Set" }).click();
  await sound("The count was changed meanwhile");
  clean(seen);
  await own.close();
});

test("on a narrow screen nothing is wider than the screen", async () => {
  const own = await context({ viewport: { width: 360, height: 740 } });
  const seen = watched();
  const page = await open(own, seen.faults, seen.hosts);
  for (const path of PAGES) {
    await page.goto(told.console + path);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(wide <= 0, `${path} is ${wide} pixels too wide`);
    const tables = await page.evaluate(() =>
      [...document.querySelectorAll(".wide")].filter((table) => table.scrollWidth > table.clientWidth).length);
    assert.equal(tables, 0, `${path} has tables that must be moved sideways`);
    assert.deepEqual(await violations(page), [], path);
    if (path === "/items/22423") await picture(page, "narrow");
  }
  clean(seen);
  await own.close();
});

test("a page that is open says so when the console is gone, and again when the session is over", async () => {
  const other = await dev();
  const own = await chromium.newContext({ viewport: { width: 1200, height: 800 } });
  const seen = watched();
  const page = await open(own, seen.faults, seen.hosts);
  await register(page, other.invitation, "bob");
  await page.goto(`${other.console}/now`);
  await own.clearCookies();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.getByLabel("Name", { exact: true }).fill("bob");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Now" }).waitFor();
  other.end();
  await page.getByText("Not current: the console does not answer.").first().waitFor();
  assert.deepEqual(await violations(page), []);
  await own.close();
});
