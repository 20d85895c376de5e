import { describe, expect, it, vi } from "vitest"
import { limitedFetch } from "../../../src/index.ts"
import { inFlight } from "../../fake-vendor.ts"
import { fastClock, scriptedServer } from "../../scripted-server.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

const ours = { "x-sluice-code": "quota-exhausted", "x-sluice-lane": "batch", "x-request-id": "r-1" }
const text = '{"choices":[{"message":{"content":"odd"}}]}'
const post = { method: "POST", headers: { "content-type": "application/json" }, body: '{"model":"m"}' }

describe.each(["/v1/chat/completions", "/v1/files"])("%s", (path) => {
  it.each([201, 203, 204, 205, 206, 226, 299, 300, 400, 418, 451, 499, 500, 599, 600, 700, 799, 999])(
    "status %i with headers that only we may set: the vendor's own answer, without those",
    async (status) => {
      const hasBody = status !== 204 && status !== 205 && status !== 304
      const server = await scriptedServer((_n, response) => {
        response.writeHead(status, { "content-type": "application/json", ...ours }).end(hasBody ? text : undefined)
      })
      const limited = limitedFetch({ clock: fastClock(), retry: { maxAttempts: 2 } })
      const answer = await limited(`${server.url}${path}`, post)
      // What was tried again says so; the vendor's own words under our names are gone all the same.
      const marks = status >= 500 && !path.endsWith("files") ? ["x-sluice-attempts"] : []
      const clone = answer.clone()
      const again = clone.clone()
      for (const each of [answer, clone, again]) {
        expect([each.status, each.ok, each.url]).toEqual([status, status < 300, expect.stringContaining(path)])
        expect(each.headers.get("x-request-id")).toBe("r-1")
        expect([...each.headers.keys()].filter((name) => name.startsWith("x-sluice"))).toEqual(marks)
        expect(await each.text()).toBe(hasBody ? text : "")
      }
      expect(server.calls).toHaveLength(status < 500 ? 1 : 2)
      expect(inFlight(limited)).toBe(0)
      await limited.close()
    },
  )
})
