/**
 * Pictures of the page's views, of a command and of a flow that run: 1280 and 420 pixels wide, light and dark. `pnpm page:shots FOLDER`;
 * with `--docs` those of the docs are made anew, `--only=PATTERN` takes some views, `--odd` makes those of runs that are empty, failed, paused,
 * waiting, enormous or hostile instead, 640 and 320 pixels wide too, as a window is whose letters are twice as large. Ends with 1 when
 * texts lie on one another or are cut, or anything is wider than the window.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import path from "node:path"
import { parseArgs } from "node:util"
import { type Browser, chromium, type Page } from "playwright-core"
import { findBrowser } from "../../../scripts/testing/browser.ts"
import { layoutFaults } from "../test/layout-faults.ts"
import { oddRuns } from "./odd-runs.ts"
import { later, shownCommand, shownFlow } from "./shown-runs.ts"

const { values, positionals } = parseArgs({
  options: {
    docs: { type: "boolean", default: false },
    seconds: { type: "string", default: "45" },
    only: { type: "string", default: "" },
    odd: { type: "boolean", default: false },
  },
  allowPositionals: true,
})
const folder = positionals[0] ?? "page-shots"
const docs = path.join(import.meta.dirname, "../../../docs/pictures")
const seconds = Number(values.seconds)

interface View {
  readonly name: string
  readonly run: "command" | "flow" | "lab"
  readonly hash: string
  /** In the docs: how wide, and in which colours. */
  readonly inDocs?: readonly (readonly [width: number, scheme: "light" | "dark"])[]
}

const views: readonly View[] = [
  {
    name: "overview",
    run: "command",
    hash: "#/",
    inDocs: [
      [1280, "light"],
      [1280, "dark"],
      [420, "light"],
    ],
  },
  { name: "items", run: "command", hash: "#/items/all", inDocs: [[1280, "light"]] },
  { name: "failed", run: "command", hash: "#/items/failed" },
  { name: "item", run: "command", hash: "#/row/41", inDocs: [[1280, "light"]] },
  { name: "timeline", run: "command", hash: "#/timeline", inDocs: [[1280, "light"]] },
  { name: "flow", run: "flow", hash: "#/flow", inDocs: [[1280, "light"]] },
  { name: "flow-timeline", run: "flow", hash: "#/timeline" },
  { name: "lab", run: "lab", hash: "", inDocs: [[1280, "light"]] },
]

const executablePath = findBrowser()
if (executablePath === undefined) throw new Error("There is no Chromium here (apt-get install chromium).")
mkdirSync(folder, { recursive: true })
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-quic"] })
let isWrong = false
if (values.odd) {
  await shootOdd()
  await browser.close()
  process.exit(isWrong ? 1 : 0)
}
const [command, flow] = [await shownCommand(3_000), await shownFlow(1_000)]
try {
  await later(seconds * 1_000)
  for (const scheme of ["light", "dark"] as const)
    for (const width of [1280, 420])
      for (const view of views.filter(({ name }) => new RegExp(values.only).test(name)))
        await shoot(view, width, scheme)
} finally {
  await browser.close()
  await Promise.all([command.end(), flow.end()])
}
process.exit(isWrong ? 1 : 0)

async function shoot({ name, run, hash, inDocs = [] }: View, width: number, scheme: "light" | "dark"): Promise<void> {
  const context = await browser.newContext({
    viewport: { width, height: width === 420 ? 860 : 800 },
    colorScheme: scheme,
  })
  const page = await context.newPage()
  const { url, labUrl } = run === "flow" ? flow : command
  await page.goto(run === "lab" ? labUrl : url)
  await page.evaluate<void>(`location.hash = ${JSON.stringify(hash)}`)
  // The charts of a lab show what was since its page was opened.
  await page.waitForTimeout(run === "lab" ? 15_000 : 1_500)
  await check(page, `${name}-${width}-${scheme}`)
  const picture = await page.screenshot({
    path: path.join(folder, `${name}-${width}-${scheme}.png`),
    fullPage: width === 420,
  })
  if (values.docs && inDocs.some(([wanted, colours]) => wanted === width && colours === scheme)) {
    mkdirSync(docs, { recursive: true })
    writeFileSync(path.join(docs, `page-${name}-${width}-${scheme}.webp`), await asWebp(browser, picture))
  }
  await context.close()
}

async function shootOdd(): Promise<void> {
  const odd = await oddRuns()
  for (const colorScheme of ["light", "dark"] as const)
    for (const width of [1280, 640, 420, 320])
      for (const { name, url, hashes, button, isLost } of odd.runs.filter((run) =>
        new RegExp(values.only).test(run.name),
      )) {
        const context = await browser.newContext({ viewport: { width, height: 860 }, colorScheme })
        const page = await context.newPage()
        if (isLost) await page.route("**/api/live*", (route) => route.abort())
        await page.goto(url)
        if (isLost) await page.getByRole("alert").waitFor()
        for (const hash of hashes) {
          await page.evaluate<void>(`location.hash = ${JSON.stringify(hash)}`)
          await page.waitForTimeout(1_500)
          if (button !== undefined) await page.getByRole("button", { name: button }).click()
          const picture = `${name}${hash.replaceAll(/[#/]+/g, "-").replace(/-$/, "")}-${width}-${colorScheme}`
          // Five megabytes: to grow the window to its height, or to look for each letter, takes minutes.
          const isLong = name === "texts" && hash.endsWith("/5")
          if (!isLong) await check(page, picture)
          await page.screenshot({ path: path.join(folder, `${picture}.png`), fullPage: width < 1280 && !isLong })
        }
        await context.close()
      }
  await odd.end()
}

async function check(page: Page, picture: string): Promise<void> {
  for (const fault of await layoutFaults(page)) {
    isWrong = true
    process.stderr.write(`${picture}: ${fault}\n`)
  }
}

/** The browser makes it small. */
async function asWebp(from: Browser, png: Buffer): Promise<Buffer> {
  const page: Page = await from.newPage()
  const url = await page.evaluate<string>(`(async () => {
    const picture = new Image()
    picture.src = "data:image/png;base64,${png.toString("base64")}"
    await picture.decode()
    const canvas = document.createElement("canvas")
    canvas.width = picture.width
    canvas.height = picture.height
    canvas.getContext("2d").drawImage(picture, 0, 0)
    return canvas.toDataURL("image/webp", 0.8)
  })()`)
  await page.close()
  return Buffer.from(url.slice(url.indexOf(",") + 1), "base64")
}
