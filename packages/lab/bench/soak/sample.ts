import { getEventListeners } from "node:events"
import type { LimitedFetch } from "@sluice/providers"

/** What a process holds at one moment of a soak. */
export interface Sample {
  readonly atMs: number
  readonly heapMiB: number
  readonly inFlight: number
  readonly waiting: number
  /** Set and not fired: the machine's, or the virtual clock's. */
  readonly timers: number
  readonly sockets: number
  /** On the signal that outlives every call. */
  readonly listeners: number
}

const collect = globalThis.gc
if (!collect) throw new Error("run with --expose-gc: what is garbage must not count")

export async function sampleOf(
  fetch: LimitedFetch,
  signal: AbortSignal,
  atMs: number,
  timers?: number,
): Promise<Sample> {
  // What finalizers let go is garbage only the time after.
  for (let round = 0; round < 3; round++) {
    collect!()
    await new Promise((resolve) => setImmediate(resolve))
  }
  const active = process.getActiveResourcesInfo()
  const quotas = fetch.snapshot()
  return {
    atMs,
    heapMiB: process.memoryUsage().heapUsed / 2 ** 20,
    inFlight: quotas.reduce((sum, { inFlight }) => sum + inFlight, 0),
    waiting: quotas.reduce((sum, { waiting }) => sum + waiting, 0),
    timers: timers ?? active.filter((kind) => kind === "Timeout").length,
    listeners: getEventListeners(signal, "abort").length,
    sockets: active.filter((kind) => kind.startsWith("TCP")).length,
  }
}
