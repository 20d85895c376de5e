import { fork } from "node:child_process"
import { once, setMaxListeners } from "node:events"
import path from "node:path"
import { limitedFetch } from "@sluice/providers"
import { systemClock, systemRandom } from "@sluice/scheduler"
import { noCounts, runLoad } from "./load.ts"
import { type Sample, sampleOf } from "./sample.ts"
import type { SoakResult } from "./virtual-soak.ts"

const sampleEveryMs = 10_000

/** Real minutes over HTTP on loopback. */
export async function realSoak(minutes: number): Promise<SoakResult> {
  const startedMs = performance.now()
  const vendor = fork(path.join(import.meta.dirname, "vendor-process.ts"), {
    execArgv: ["--conditions=@sluice/source"],
  })
  try {
    const [url] = (await once(vendor, "message")) as [string]
    const clock = systemClock
    const fetch = limitedFetch({ vendor: "openai", requestsPerMinute: 900, timeoutMs: 10_000, idleTimeoutMs: 10_000 })
    const counts = noCounts()
    const { signal } = new AbortController()
    setMaxListeners(0, signal)
    const untilMs = clock.now() + minutes * 60_000
    const load = { fetch, url: `${url}/v1/chat/completions`, clock, random: systemRandom, counts, untilMs, signal }
    const done = runLoad({ ...load, workers: 30, thinkMs: 500, burstMs: 5_000 })
    const samples: Sample[] = []
    for (let atMs = sampleEveryMs; atMs <= minutes * 60_000; atMs += sampleEveryMs) {
      await new Promise((resolve) => setTimeout(resolve, sampleEveryMs))
      samples.push(await sampleOf(fetch, signal, atMs))
    }
    await done
    // Streams that nobody read, and idle connections, are let go after a while.
    for (let round = 0; round < 4; round++) {
      await new Promise((resolve) => setTimeout(resolve, 5_000))
      await sampleOf(fetch, signal, 0)
    }
    return {
      samples,
      end: await sampleOf(fetch, signal, minutes * 60_000),
      counts,
      seconds: (performance.now() - startedMs) / 1000,
    }
  } finally {
    vendor.disconnect()
  }
}
