// Opens HTML reports in a real browser, uses them as people do, and looks at what comes of it.
//   node page.js SCREENS_DIR NAME=FILE...
// Prints "ok ..." and "FAIL ..." lines, then "N passed, N failed".
"use strict";
const path = require("path");
const fs = require("fs");
const modules = path.join(__dirname, "..", "npm", "node_modules");
const { chromium } = require(path.join(modules, "playwright-core"));
const axe = fs.readFileSync(path.join(modules, "axe-core", "axe.min.js"), "utf8");

const [screens, ...given] = process.argv.slice(2);
let passed = 0, failed = 0;
function check(name, good, why) {
	good ? passed++ : failed++;
	console.log(good ? `ok   ${name}` : `FAIL ${name}${why ? `: ${why}` : ""}`);
}

async function axe_finds(page) {
	// The page's policy lets no other script in; the protocol's own evaluation is outside of it.
	await page.evaluate(axe);
	const result = await page.evaluate(() => window.axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"]}));
	return result.violations.map(v => `${v.id} (${v.nodes.map(n => n.target).slice(0, 3).join("; ")})`).join(", ");
}

const rows = page => page.locator("#inner .row");
const shown = async page => Number((await page.locator("#count").textContent()).replace(/[^0-9]/g, ""));

async function look(browser, name, file) {
	const context = await browser.newContext({viewport: {width: 1280, height: 900}});
	const page = await context.newPage();
	const messages = [], requests = [], dialogs = [];
	page.on("console", m => messages.push(m.text()));
	page.on("pageerror", e => messages.push(String(e)));
	page.on("dialog", d => { dialogs.push(d.message()); d.dismiss(); });
	page.on("request", r => requests.push(r.url()));
	const address = `file://${path.resolve(file)}`;
	await page.goto(address);
	const shot = view => page.screenshot({path: path.join(screens, `${name}-${view}.png`), fullPage: view !== "dark"});
	await shot("start");
	for (const scheme of ["light", "dark"]) {
		await page.emulateMedia({colorScheme: scheme});
		const found = await axe_finds(page);
		check(`${name}: axe, ${scheme}`, !found, found);
		if (scheme === "dark")
			await shot("dark");
	}
	await page.emulateMedia({colorScheme: "light"});
	const all = await shown(page);
	check(`${name}: a verdict`, (await page.locator("#verdict strong").textContent()).length > 5);
	check(`${name}: few rows are drawn`, await rows(page).count() <= 40);
	if (all > 0)
		await use(page, name, all, shot);
	const unseen = await page.evaluate(() => (document.body.innerText.match(
		/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g) || []).length);
	check(`${name}: nothing unseen steers the text`, unseen === 0, String(unseen));
	check(`${name}: no message`, messages.length === 0, messages.join(" | "));
	check(`${name}: no dialog`, dialogs.length === 0, dialogs.join(" | "));
	check(`${name}: no request leaves the page`, requests.every(r => r.split("#")[0] === address), requests.join(" "));
	check(`${name}: no script, frame or image of others`,
		await page.locator("iframe, img, object, script:not(#data)").count() === 1);
	await context.close();
}

async function use(page, name, all, shot) {
	await rows(page).first().click();
	const who = (await rows(page).first().locator(".who span").first().textContent());
	check(`${name}: one person`, (await page.locator("#person h3").textContent()) === who);
	await shot("person");
	check(`${name}: the person is in the address`, page.url().includes("person="));
	await page.locator("#list").press("ArrowDown");
	const second = page.locator('#inner .row[aria-current="true"]');
	check(`${name}: arrow keys choose`, all < 2 || await second.getAttribute("data-index") === "1");
	await page.locator("#list").press("End");
	check(`${name}: End goes to the last`, await second.getAttribute("data-index") === String(all - 1));
	await page.keyboard.press("Home");
	check(`${name}: Home goes to the first`, await second.getAttribute("data-index") === "0");
	// Each tab shows as many as it says, and together they are all.
	let sum = 0;
	for (const tab of await page.locator("#tabs button").all()) {
		await tab.click();
		const says = Number((await tab.textContent()).match(/\(([0-9,]+)\)/)[1].replace(/,/g, ""));
		check(`${name}: tab ${await tab.getAttribute("data-tab")}`, await shown(page) === says);
		if (!["all", "skipped"].includes(await tab.getAttribute("data-tab")))
			sum += says;
	}
	check(`${name}: the tabs hold everybody`, sum === all, `${sum} of ${all}`);
	await page.locator("#tab-all").click();
	await page.keyboard.press("ArrowRight");
	check(`${name}: arrow keys change the tab`, await page.locator("#tab-create").getAttribute("aria-selected") === "true");
	await page.locator("#tab-all").click();
	await page.locator("#q").fill("no such person anywhere");
	check(`${name}: a search for nobody`, await shown(page) === 0);
	const user = await page.evaluate(() => JSON.parse(document.getElementById("data").textContent).people[0][2]);
	await page.locator("#q").fill(user);
	check(`${name}: a search for one`, await shown(page) >= 1 && await shown(page) < Math.max(all, 2));
	await page.reload();
	check(`${name}: the address keeps the search`, await page.locator("#q").inputValue() === user);
	await page.locator("#clear").click();
	check(`${name}: cleared`, await shown(page) === all);
	const kind = page.locator("#kinds button").first();
	await kind.click();
	check(`${name}: a kind`, await shown(page) > 0 && page.url().includes("kind="));
	await shot("kind");
	await page.locator("#clear").click();
	await page.emulateMedia({media: "print"});
	await page.evaluate(() => window.dispatchEvent(new Event("beforeprint")));
	const printed = await page.locator("#print section").count();
	check(`${name}: on paper`, printed === Math.min(all, 1000), `${printed} of ${all}`);
	await page.evaluate(() => window.dispatchEvent(new Event("afterprint")));
	await page.emulateMedia({media: "screen"});
	await page.setViewportSize({width: 420, height: 800});
	check(`${name}: narrow, nothing to scroll sideways`,
		await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth));
	await shot("narrow");
	await page.setViewportSize({width: 1280, height: 900});
}

(async () => {
	const browser = await chromium.launch({executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
		args: ["--no-sandbox", "--disable-gpu"]});
	for (const one of given) {
		const [name, file] = one.split("=");
		await look(browser, name, file).catch(e => check(`${name}: to the end`, false, e.message));
	}
	await browser.close();
	console.log(`${passed} passed, ${failed} failed`);
	process.exit(failed ? 1 : 0);
})();
