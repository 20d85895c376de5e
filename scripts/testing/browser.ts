import { existsSync } from "node:fs"

const browsers = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]

/** The browser that the site is looked at with, or nothing. */
export function findBrowser(): string | undefined {
  return browsers.find((file) => existsSync(file))
}
