import type { AddressInfo } from "node:net"
import { systemClock } from "@sluice/scheduler"
import { vendorCore, type VendorCore } from "../vendor/core.ts"
import { registerAnthropic } from "./anthropic/anthropic-routes.ts"
import { registerAzure } from "./azure/azure-routes.ts"
import { registerGemini } from "./gemini/gemini-routes.ts"
import { createHttpApp } from "./http-app.ts"
import { registerLab } from "../page/lab-routes.ts"
import { registerOpenai } from "./openai/openai-routes.ts"
import { refuseKeys, refuseStrangers } from "./guard.ts"
import type { VendorState } from "./vendor-state.ts"
import { readStats, type VendorStats } from "./vendor-stats.ts"
import { VendorMemory } from "./vendor-memory.ts"
import { checkServerOptions, type ServerOptions } from "./server-options.ts"

/** A running vendor. */
export interface VendorServer {
  /** Without a trailing slash: `http://127.0.0.1:41234`. OpenAI clients add `/v1` to it, Azure's `/openai`, the others nothing. */
  readonly url: string
  readonly port: number
  /** The truth since the start or the last reset. */
  readonly stats: () => VendorStats
  /** Starts the simulated vendor afresh: full limits, its clock at 0, an empty truth. */
  readonly reset: () => void
  /** Changes options, then starts the simulated vendor afresh as `reset` does. `port`, `host`, `maxBodyBytes` and `clock` stay. */
  readonly configure: (changes: Partial<ServerOptions>) => void
  /** Cuts every connection, also hanging ones, and resolves when the port is free. A second call does nothing. */
  readonly stop: () => Promise<void>
}

const DEFAULTS = Object.freeze({
  host: "127.0.0.1",
  // A prompt of a few million tokens still fits.
  maxBodyBytes: 16 * 2 ** 20,
  // The largest batch of any vendor fits.
  maxKeptBytes: 256 * 2 ** 20,
  answer: Object.freeze({ text: "OK." }),
  models: Object.freeze(["lab-small", "lab-large"]),
})

/**
 * Starts a simulated LLM vendor over HTTP on loopback. It speaks the wire formats of OpenAI, Azure OpenAI, Anthropic and Gemini so that their
 * official SDKs work against it, enforces the limits it is given, fails as it is told to, and keeps the truth about what happened.
 * Tokens are counted by `countTokens` (characters / 4). The same body (or what `identify` names) twice is the same piece of work: answered twice, it counts as a repeat.
 * @throws SluiceError `invalid-option`: an option makes no sense.
 *
 * @example
 * ```ts
 * const vendor = await startVendor({ limits: { requests: 600, tokens: 400_000 }, answer: "extractive" })
 * const response = await fetch(`${vendor.url}/v1/chat/completions`, {
 *   method: "POST",
 *   headers: { authorization: "Bearer any" },
 *   body: JSON.stringify({ model: "lab", messages: [{ role: "user", content: "Queues hold calls until they fit." }] }),
 * })
 * response.headers.get("x-ratelimit-limit-requests") // => "600"
 * await vendor.stop()
 * ```
 */
export async function startVendor(options: ServerOptions = {}): Promise<VendorServer> {
  checkServerOptions(options)
  const clock = options.clock ?? systemClock
  let current = options
  let core: VendorCore
  let memory: VendorMemory
  let life = 0
  let startedMs = 0
  const reset = (): void => {
    life++
    startedMs = clock.now()
    core = vendorCore({ ...current, clock })
    memory = new VendorMemory(current.maxKeptBytes ?? DEFAULTS.maxKeptBytes)
  }
  reset()
  const stopping = new AbortController()
  const state: VendorState = {
    get core() {
      return core
    },
    get answer() {
      return current.answer ?? DEFAULTS.answer
    },
    get identify() {
      return current.identify
    },
    get billingCode() {
      return current.billingCode
    },
    get models() {
      return current.models ?? DEFAULTS.models
    },
    get batch() {
      return current.batch ?? {}
    },
    get seed() {
      return current.seed ?? 1
    },
    get memory() {
      return memory
    },
    clock,
    stopping: stopping.signal,
  }

  const stats = (): VendorStats => readStats(core, memory)
  let requests = 0
  const app = createHttpApp({
    maxBodyBytes: options.maxBodyBytes ?? DEFAULTS.maxBodyBytes,
    nextRequestId: () => `req_${String(++requests).padStart(12, "0")}`,
    onBadRequest: () => memory.badRequests++,
  })
  refuseStrangers(app, options.exposed !== undefined)
  refuseKeys(app, () => current.apiKeys, state)
  registerOpenai(app, state)
  registerAzure(app, state)
  registerAnthropic(app, state)
  registerGemini(app, state)
  registerLab(app, {
    stats,
    moment: () => ({ atMs: clock.now() - startedMs, life, calls: memory.calls.since(startedMs) }),
    reset,
  })

  await app.listen({ port: options.port ?? 0, host: options.host ?? DEFAULTS.host })
  const { port, address, family } = app.server.address() as AddressInfo
  let stopped: Promise<void> | undefined
  return {
    url: `http://${family === "IPv6" ? `[${address}]` : address}:${port}`,
    port,
    stats,
    reset,
    configure(changes) {
      const next = { ...current, ...changes }
      checkServerOptions(next)
      const before = current
      current = next
      try {
        reset()
      } catch (error) {
        current = before
        throw error
      }
    },
    stop() {
      stopping.abort()
      return (stopped ??= Promise.resolve(app.close()))
    },
  }
}
