import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import type { Clock } from "@sluice/core"
import { onTestFinished } from "vitest"

export interface ScriptedServer {
  readonly url: string
  /** One entry per HTTP call that arrived. */
  readonly calls: { readonly path: string; readonly body: string; readonly atMs: number }[]
}

/** A real HTTP server on loopback that counts its calls and answers each as the script says, dated by `clock`. Ends with the test. */
export async function scriptedServer(
  script: (n: number, response: ServerResponse, request: IncomingMessage) => void,
  clock?: Clock,
): Promise<ScriptedServer> {
  const calls: ScriptedServer["calls"] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      calls.push({ path: request.url ?? "", body: Buffer.concat(chunks).toString(), atMs: clock?.now() ?? 0 })
      if (clock) response.setHeader("date", new Date(clock.wallNow()).toUTCString())
      script(calls.length - 1, response, request)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(() => resolve()))
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls }
}

/** Real time, by default a thousand times as fast: a Retry-After of 90 s takes 90 ms. */
export function fastClock(speed = 1000): Clock {
  const startMs = performance.now()
  const now = (): number => (performance.now() - startMs) * speed
  return {
    now,
    wallNow: () => Date.parse("2026-11-24T10:00:00Z") + now(),
    setTimer(delayMs, fn) {
      if (delayMs === Infinity) return () => {}
      const endsMs = now() + delayMs
      let handle: ReturnType<typeof setTimeout>
      const arm = (): void => {
        const leftMs = endsMs - now()
        handle = leftMs > 0 ? setTimeout(arm, Math.ceil(leftMs / speed)) : setTimeout(fn, 0)
      }
      arm()
      return () => clearTimeout(handle)
    },
  }
}
