// node browse.mjs CHROMIUM PROFILE URL SCRIPT: opens the page, runs SCRIPT in it until that has a value, and prints as JSON
// the value (null if there was none in time), the page's HTML, and what page and browser logged.
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";

const LIMIT_MS = 60_000;
const { launch } = createRequire(new URL("../../build/clients/", import.meta.url))("puppeteer-core");

const [executablePath, userDataDir, url, script] = process.argv.slice(2);
const browser = await launch({
  executablePath,
  userDataDir,
  // Over a pipe, Chromium ends with this process, even when that is killed.
  pipe: true,
  args: [
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-proxy-server",
    "--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    ...(process.getuid() === 0 ? ["--no-sandbox"] : []),
  ],
});
try {
  const page = await browser.newPage();
  const log = [];
  page.on("console", (message) => log.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => log.push(`uncaught: ${error}`));
  page.on("requestfailed", (request) => log.push(`failed: ${request.url()}: ${request.failure()?.errorText}`));

  const end = Date.now() + LIMIT_MS;
  await page.goto(url, { timeout: LIMIT_MS });
  let value;
  // Not waitForFunction: that compiles its function in the page, which a content security policy may forbid.
  while ((value = await page.evaluate(script)) == null && Date.now() < end) await sleep(50);
  console.log(JSON.stringify({ value: value ?? null, html: await page.content(), log }));
} finally {
  await browser.close();
}
