import { execFile } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import path from "node:path"
import { promisify } from "node:util"
import { startVendor, type Vendor } from "@sluice/lab"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const docs = path.join(import.meta.dirname, "../../../docs")
const pages = readdirSync(path.join(docs, "sdks")).toSorted()
const read = (page: string): string => readFileSync(path.join(docs, page), "utf8")

/** The TypeScript blocks of a page, with its imports as this package knows them. */
function snippetsOf(page: string): string[] {
  return [...read(page).matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) =>
    code!.replaceAll('from "sluice"', 'from "@sluice/providers"'),
  )
}

/** What the comments behind `console.log(...)` say that it prints. */
function promisedBy(code: string): string {
  return [...code.matchAll(/console\.log\(.*\) \/\/ (.+)$/gm)].map(([, line]) => `${line}\n`).join("")
}

let vendor: Vendor
beforeAll(async () => {
  vendor = await startVendor({ answer: { text: "Hello." }, latency: { baseMs: 1, perOutputTokenMs: 0 } })
})
afterAll(() => vendor.stop())

async function run(code: string): Promise<{ stdout: string; stderr: string }> {
  const env = {
    ...process.env,
    OPENAI_API_KEY: "sk-lab",
    OPENAI_BASE_URL: `${vendor.url}/v1`,
    ANTHROPIC_API_KEY: "sk-lab",
    ANTHROPIC_BASE_URL: vendor.url,
    GEMINI_API_KEY: "lab",
    GOOGLE_GEMINI_BASE_URL: vendor.url,
  }
  const args = ["--conditions=@sluice/source", "--input-type=module-typescript", "--eval", code]
  return promisify(execFile)(process.execPath, args, { cwd: path.join(import.meta.dirname, ".."), env })
}

it("every SDK has its page of at most 60 lines", () => {
  expect(pages).toEqual(["ai-sdk.md", "anthropic.md", "fetch.md", "google-genai.md", "langchain.md", "openai.md"])
  for (const page of pages) expect(read(`sdks/${page}`).split("\n").length, page).toBeLessThanOrEqual(61)
})

describe.each(pages)("docs/sdks/%s", (page) => {
  it.each(snippetsOf(`sdks/${page}`))(
    "%#: runs as it stands, against a vendor that counts",
    async (code) => {
      vendor.reset()
      const { stdout, stderr } = await run(code)
      expect(promisedBy(code)).not.toBe("")
      expect(stdout).toBe(promisedBy(code))
      expect(stderr).toBe("")
      expect(vendor.stats().answered).toBeGreaterThan(0)
      expect(vendor.stats().repeats).toBe(0)
    },
    60_000,
  )
})

it.each(["retries.md", "my-429s-do-not-go-away.md", ...pages.map((page) => `sdks/${page}`)])(
  "%s links to pages that exist",
  (page) => {
    const links = [...read(page).matchAll(/\]\(([^)#:]+\.md)\)/g)].map(([, link]) => link!)
    for (const link of links) expect(() => read(path.join(path.dirname(page), link)), link).not.toThrow()
  },
)
