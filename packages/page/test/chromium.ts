import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core"
import { onTestFinished } from "vitest"
import { findBrowser } from "../../../scripts/testing/browser.ts"

const executablePath = findBrowser()

/** Whether there is a browser to look with; in CI there must be. */
export const hasBrowser: boolean = executablePath !== undefined || process.env["CI"] !== undefined
if (!hasBrowser)
  process.stderr.write(
    "page: not looked at in a browser, because there is no Chromium here (apt-get install chromium)\n",
  )

/** A browser that asks nobody but the page. */
export async function startBrowser(): Promise<Browser> {
  if (executablePath === undefined) throw new Error("There is no Chromium here (apt-get install chromium).")
  const args = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update"]
  const browser = await chromium.launch({ executablePath, args })
  onTestFinished(() => browser.close())
  return browser
}

export interface Tab {
  readonly page: Page
  /** Requests that left the machine, errors of scripts, and what the content policy refused. */
  readonly wrong: string[]
}

/** A tab of its own profile. `wrong` must stay empty. */
export async function openTab(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Tab> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
  const page = await context.newPage()
  const wrong = watchTab(page)
  await page.goto(url)
  return { page, wrong }
}

export function watchTab(page: Page): string[] {
  const wrong: string[] = []
  page.on("request", (request) => {
    const { hostname, protocol } = new URL(request.url())
    if (hostname !== "127.0.0.1" && protocol !== "data:") wrong.push(`a request to ${request.url()}`)
  })
  page.on("pageerror", (error) => wrong.push(error.message))
  page.on("console", (message) => {
    if (/content security policy|trusted/i.test(message.text())) wrong.push(message.text())
  })
  page.on("dialog", (dialog) => {
    wrong.push(`a dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  return wrong
}
