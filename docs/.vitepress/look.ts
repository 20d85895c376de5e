/**
 * Looks at every page of the built site in a real browser, 420 pixels wide, light and dark: nothing may be wider than the screen,
 * fail to load, or be left unfilled. `--shots=FOLDER` keeps pictures of it, also 1280 pixels wide; `--only=PATTERN` looks at some pages;
 * `--required` fails where there is no browser.
 */
import { existsSync, globSync, mkdirSync, readFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import path from "node:path"
import { parseArgs } from "node:util"
import { chromium, type Page } from "playwright-core"
import { findBrowser } from "../../scripts/testing/browser.ts"

const { values } = parseArgs({
  options: { shots: { type: "string" }, only: { type: "string", default: "" }, required: { type: "boolean" } },
})
const dist = path.join(import.meta.dirname, "dist")
const executablePath = findBrowser()
const narrow = 420

if (!executablePath) {
  process.stdout.write("site: not looked at, because there is no Chromium here (apt-get install chromium)\n")
  process.exit(values.required ? 1 : 0)
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".json": "application/json",
  ".woff2": "font/woff2",
}

const server = createServer((request, response) => {
  const name = decodeURIComponent(new URL(request.url ?? "/", "http://site").pathname)
  const file = [name, `${name}.html`, `${name}index.html`]
    .map((each) => path.join(dist, each))
    .find((each) => each.startsWith(dist) && path.extname(each) !== "" && existsSync(each))
  if (!file) return void response.writeHead(404).end()
  response.writeHead(200, { "content-type": types[path.extname(file)] ?? "application/octet-stream" })
  response.end(readFileSync(file))
})
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
const pages = globSync("**/*.html", { cwd: dist })
  .filter((file) => file !== "404.html")
  .map((file) => `/${file.replace(/(^|\/)index\.html$/, "$1").replace(/\.html$/, "")}`)
  .filter((page) => new RegExp(values.only).test(page))
  .toSorted()

const args = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update"]
const browser = await chromium.launch({ executablePath, args })
const wrong: string[] = []
try {
  for (const colorScheme of ["light", "dark"] as const) {
    for (const width of values.shots === undefined ? [narrow] : [narrow, 1280]) {
      const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme })
      page.on("response", (answer) => {
        if (answer.status() >= 400) wrong.push(`${answer.status()} for ${new URL(answer.url()).pathname}`)
      })
      page.on("pageerror", (error) => wrong.push(`${page.url().replace(base, "")}: ${error.message}`))
      for (const each of pages) {
        await page.goto(base + each, { waitUntil: "load" })
        if (width === narrow) wrong.push(...(await tooWide(page, each, colorScheme)), ...(await unfilled(page, each)))
        if (values.shots !== undefined) await shoot(page, values.shots, each, width, colorScheme)
      }
      await page.close()
    }
  }
} finally {
  await browser.close()
  server.close()
}

if (wrong.length > 0) {
  process.stdout.write(`${[...new Set(wrong)].join("\n")}\n`)
  process.exitCode = 1
} else {
  process.stdout.write(`site: ${pages.length} pages are readable at ${narrow} pixels, light and dark\n`)
}

/** What stands out of the page, if anything: what scrolls inside itself does not. */
async function tooWide(page: Page, name: string, colorScheme: string): Promise<string[]> {
  const found = await page.evaluate((most) => {
    const { scrollWidth } = document.documentElement
    if (scrollWidth <= most) return undefined
    const inside = (element: Element): boolean => {
      for (let each = element.parentElement; each; each = each.parentElement)
        if (/auto|scroll|hidden|clip/.test(getComputedStyle(each).overflowX)) return true
      return false
    }
    const out = [...document.body.querySelectorAll("*")].find(
      (element) => element.getBoundingClientRect().right > most + 1 && !inside(element),
    )
    return `${scrollWidth} pixels: ${out?.outerHTML.slice(0, 120) ?? "somewhere"}`
  }, narrow)
  return found === undefined ? [] : [`${name} (${colorScheme}) is ${found}`]
}

/** A place that the theme should have filled, or the page itself. */
async function unfilled(page: Page, name: string): Promise<string[]> {
  const text = await page.evaluate(() => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    while (texts.nextNode()) {
      const { textContent, parentElement } = texts.currentNode
      if (textContent?.includes("{{") && !parentElement?.closest("code, pre, .vp-doc, script, style"))
        return textContent
    }
    // What fails while a page is made leaves nothing of it, and no error.
    return document.querySelector<HTMLElement>(".vp-doc")?.innerText.trim() ? undefined : "nothing"
  })
  return text === undefined ? [] : [`${name} shows ${text}`]
}

async function shoot(page: Page, folder: string, name: string, width: number, colorScheme: string): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const file = `${name === "/" ? "index" : name.slice(1).replaceAll(/\W+/g, "-")}-${width}-${colorScheme}.png`
  await page.screenshot({ path: path.join(folder, file), fullPage: true, timeout: 120_000 })
}
