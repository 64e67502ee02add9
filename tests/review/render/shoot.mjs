// shoot.mjs PAGE.html PICTURE.png
import chromium from "@sparticuz/chromium";
import puppeteer from "puppeteer-core";

const [page, picture] = process.argv.slice(2);
const browser = await puppeteer.launch({
  executablePath: await chromium.executablePath(),
  args: chromium.args,
  headless: "shell",
});
const tab = await browser.newPage();
await tab.setViewport({ width: 884, height: 600, deviceScaleFactor: 2 });
await tab.goto(`file://${page}`, { waitUntil: "load" });
await tab.evaluate(() => document.fonts.ready);
await (await tab.$("body")).screenshot({ path: picture });
await browser.close();
