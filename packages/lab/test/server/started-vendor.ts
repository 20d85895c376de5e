import { afterEach } from "vitest"
import { startVendor, type ServerOptions, type VendorServer } from "../../src/index.ts"

/** Answers at once: tests of words do not wait. */
export const instant = { baseMs: 0, perOutputTokenMs: 0 }

const started: VendorServer[] = []

afterEach(async () => {
  await Promise.all(started.splice(0).map((vendor) => vendor.stop()))
})

/** An instant vendor that is stopped after the test. */
export async function vendorFor(options: ServerOptions = {}): Promise<VendorServer> {
  const vendor = await startVendor({ latency: instant, ...options })
  started.push(vendor)
  return vendor
}

/** One POST of JSON, with its body read. */
export async function post(url: string, body: unknown, headers: Record<string, string> = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body)
  const response = await fetch(url, {
    method: "POST",
    body: text,
    headers: { "content-type": "application/json", ...headers },
  })
  return {
    status: response.status,
    headers: response.headers,
    body: JSON.parse(await response.text()) as Record<string, unknown>,
  }
}
