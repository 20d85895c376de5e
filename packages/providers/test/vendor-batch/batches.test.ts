import Anthropic from "@anthropic-ai/sdk"
import { GoogleGenAI } from "@google/genai"
import type { RunJournal, SettledRecord } from "@sluice/core"
import { startVendor, type ServerOptions, type VendorServer, VirtualClock } from "@sluice/lab"
import OpenAI from "openai"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import {
  anthropicBatches,
  type BatchEvent,
  type BatchVendor,
  geminiBatches,
  journalLedger,
  memoryLedger,
  openaiBatches,
  runBatches,
  type Usage,
} from "../../src/index.ts"
import { fastClock } from "../scripted-server.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

interface Setup {
  readonly vendor: VendorServer
  readonly lanes: Readonly<Record<"openai" | "anthropic" | "gemini", BatchVendor>>
}

async function setUp(options: ServerOptions = {}): Promise<Setup> {
  const clock = fastClock()
  const vendor = await startVendor({
    answer: "echo",
    clock,
    ...options,
    batch: { validatingMs: 200, processingMs: 2000, finalizingMs: 200, ...options.batch },
  })
  onTestFinished(() => vendor.stop())
  return {
    vendor,
    lanes: {
      openai: openaiBatches(new OpenAI({ baseURL: `${vendor.url}/v1`, apiKey: "k", maxRetries: 0 })),
      anthropic: anthropicBatches(new Anthropic({ baseURL: vendor.url, apiKey: "k", maxRetries: 0 })),
      gemini: geminiBatches(
        new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: vendor.url, retryOptions: { attempts: 1 } } }),
      ),
    },
  }
}

const body = (index: number): Record<string, unknown> => ({
  model: "m",
  max_tokens: 100,
  messages: [{ role: "user", content: `Text ${index}` }],
})
const geminiBody = (index: number): Record<string, unknown> => ({ model: "m", contents: `Text ${index}` })
const bodies = (count: number, name = "openai"): Record<string, unknown>[] =>
  Array.from({ length: count }, (_, index) => (name === "gemini" ? geminiBody(index) : body(index)))

function textOf(value: unknown): string {
  const { choices, content, candidates } = value as {
    choices?: { message: { content: string } }[]
    content?: { text: string }[]
    candidates?: { content: { parts: { text: string }[] } }[]
  }
  return choices?.[0]?.message.content ?? content?.[0]?.text ?? candidates?.[0]?.content.parts[0]?.text ?? ""
}

/** Counts what is created. */
function counted(lane: BatchVendor): { lane: BatchVendor; created: string[] } {
  const created: string[] = []
  return {
    created,
    lane: {
      ...lane,
      create: async (...args) => {
        const id = await lane.create(...args)
        created.push(id)
        return id
      },
    },
  }
}

describe.each(["openai", "anthropic", "gemini"] as const)("%s batches", (name) => {
  it("answer every request at its own index, whatever the vendor's order, at half the price", async () => {
    const { lanes } = await setUp()
    const events: BatchEvent[] = []
    const used: [Usage, number][] = []
    const { lane, created } = counted(lanes[name])
    const outcomes = await runBatches(bodies(25, name), {
      vendor: lane,
      clock: fastClock(),
      pollMs: 500,
      maxRequests: 10,
      onBatch: (event) => events.push(event),
      onUsage: (usage, share) => used.push([usage, share]),
    })
    expect(outcomes.map((one) => one.status === "ok" && textOf(one.value))).toEqual(
      bodies(25).map((_, index) => `Text ${index}`),
    )
    expect(outcomes.map((one) => one.index)).toEqual(bodies(25).map((_, index) => index))
    expect(created).toHaveLength(3)
    expect(events.filter((event) => event.type === "submitted")).toHaveLength(3)
    expect(events.filter((event) => event.type === "ended")).toHaveLength(3)
    expect(used).toHaveLength(25)
    expect(used.every(([usage, share]) => usage.inputTokens > 0 && share === 0.5)).toBe(true)
  })

  it("send only what failed or expired again, then ask online; outputs never shift (peer defect 27)", async () => {
    const { lanes } = await setUp({ batch: { errorRate: 0.4 } })
    const { lane, created } = counted(lanes[name])
    const asked: number[] = []
    const outcomes = await runBatches(bodies(20, name), {
      vendor: lane,
      clock: fastClock(),
      pollMs: 500,
      online: async (sent) => {
        const content =
          (sent["contents"] as string | undefined) ?? (sent["messages"] as { content: string }[])[0]!.content
        asked.push(Number(content.slice(5)))
        return { choices: [{ message: { content } }] }
      },
    })
    expect(outcomes.map((one) => one.status === "ok" && textOf(one.value))).toEqual(
      bodies(20).map((_, index) => `Text ${index}`),
    )
    expect(created).toHaveLength(2)
    const attempts = outcomes.map((one) => one.attempts)
    expect(new Set(attempts).size).toBeGreaterThan(1)
    expect(asked.every((index) => attempts[index] === 3)).toBe(true)
  })

  it("a crash at any point submits nothing twice (peer defect 26)", async () => {
    for (const crash of ["after-intent", "after-create", "after-record", "while-running"] as const) {
      const { lanes } = await setUp()
      const { lane, created } = counted(lanes[name])
      const ledger = memoryLedger()
      const died = new Error(crash)
      const controller = new AbortController()
      const dying: typeof ledger = {
        read: ledger.read,
        async write(key, value) {
          if (crash === "after-create" && key.endsWith("/created")) throw died
          await ledger.write(key, value)
          if (crash === "after-intent" && key.endsWith("/intent")) throw died
          if (crash === "after-record" && key.endsWith("/created")) throw died
        },
      }
      const options = { vendor: lane, clock: fastClock(), pollMs: 500 }
      const first = runBatches(bodies(5, name), {
        ...options,
        ledger: dying,
        signal: controller.signal,
        onBatch: ({ type }) => void (crash === "while-running" && type === "submitted" && controller.abort(died)),
      })
      await expect(first).rejects.toBe(died)
      const outcomes = await runBatches(bodies(5, name), { ...options, ledger })
      expect(
        outcomes.map((one) => one.status === "ok" && textOf(one.value)),
        crash,
      ).toEqual(bodies(5).map((_, index) => `Text ${index}`))
      expect(created, crash).toHaveLength(1)
    }
  })

  it("find no batch of somebody else", async () => {
    const { lanes } = await setUp()
    await lanes[name].create([{ customId: "stranger-0", body: bodies(1, name)[0]! }], "other")
    const { lane, created } = counted(lanes[name])
    const ledger = memoryLedger()
    const dying = {
      read: ledger.read,
      write: async (key: string, value: unknown) => {
        await ledger.write(key, value)
        if (key.endsWith("/intent")) throw new Error("died")
      },
    }
    await expect(
      runBatches(bodies(1, name), { vendor: lane, clock: fastClock(), pollMs: 500, ledger: dying }),
    ).rejects.toThrow("died")
    const [outcome] = await runBatches(bodies(1, name), { vendor: lane, clock: fastClock(), pollMs: 500, ledger })
    expect(outcome?.status === "ok" && textOf(outcome.value)).toBe("Text 0")
    expect(created.length).toBe(1)
  })
})

describe("openai batches", () => {
  it("halve what the vendor refuses as too many enqueued tokens after it had accepted it", async () => {
    const { lanes } = await setUp({ batch: { maxEnqueuedTokens: 8 } })
    const { lane, created } = counted(lanes.openai)
    const outcomes = await runBatches(bodies(8), { vendor: lane, clock: fastClock(), pollMs: 500, maxRounds: 3 })
    expect(outcomes.every((one) => one.status === "ok")).toBe(true)
    expect(created.length).toBeGreaterThan(2)
  })

  it("one request that makes no sense does not take the others with it", async () => {
    const { lanes, vendor } = await setUp()
    const wrong = bodies(6).map((one, index) => (index === 2 ? { ...one, max_tokens: -1 } : one))
    const outcomes = await runBatches(wrong, { vendor: lanes.openai, clock: fastClock(), pollMs: 500 })
    expect(outcomes.map(({ status }) => status)).toEqual(["ok", "ok", "failed", "ok", "ok", "ok"])
    expect(outcomes[2]).toMatchObject({ error: { code: "vendor-refused", retryable: false } })
    expect(vendor.stats().batches).toMatchObject({ jobs: 2, answered: 5, repeats: 0 })
  })

  it("what expired is charged for, kept, and only the rest is sent again", async () => {
    const { lanes } = await setUp({ batch: { processingMs: 4000, expireAfterMs: 2400 } })
    const { lane, created } = counted(lanes.openai)
    const outcomes = await runBatches(bodies(12), { vendor: lane, clock: fastClock(), pollMs: 500, maxRounds: 6 })
    const rounds = outcomes.map((one) => one.attempts)
    expect(outcomes).toHaveLength(12)
    expect(created.length).toBeGreaterThan(1)
    expect(rounds).toContain(1)
  })

  it("an abort ends the wait at once; a request that stays wrong is a failure with its code", async () => {
    const { lanes } = await setUp({ batch: { errorRate: 1 } })
    const outcomes = await runBatches(bodies(2), {
      vendor: lanes.openai,
      clock: fastClock(),
      pollMs: 500,
      maxRounds: 1,
    })
    expect(outcomes).toMatchObject([
      { status: "failed", index: 0, error: { code: "vendor-refused", retryable: true } },
      { status: "failed", index: 1 },
    ])
    const slow = await setUp({ batch: { processingMs: 1e9 } })
    const clock = new VirtualClock()
    const controller = new AbortController()
    const stuck = runBatches(bodies(1), {
      vendor: slow.lanes.openai,
      clock,
      signal: controller.signal,
      onBatch: ({ type }) => void (type === "progress" && controller.abort("enough")),
    })
    await expect(stuck).rejects.toBe("enough")
  })
})

it("a ledger in a run's journal", async () => {
  const settled = new Map<string, SettledRecord>()
  const journal: RunJournal = {
    lookup: ({ node, key }) => settled.get(`${node} ${key}`),
    settle: async ({ node, key }, outcome) => void (outcome.status === "ok" && settled.set(`${node} ${key}`, outcome)),
    end: async () => {},
  }
  const ledger = journalLedger(journal, "digest/summarise")
  expect(await ledger.read("a")).toBeUndefined()
  await ledger.write("a", "batch_1")
  expect(await ledger.read("a")).toBe("batch_1")
  expect([...settled.keys()]).toEqual(["digest/summarise/batches a"])
})

it("splits by count, bytes and tokens, in order", async () => {
  /** What is created, as the numbers of the requests in each batch; a request has as many bytes and tokens as its prompt says. */
  const cut = async (limits: { maxRequests?: number; maxBytes?: number; maxTokens?: number }): Promise<string[]> => {
    const pieces: string[] = []
    const vendor: BatchVendor = {
      name: "any",
      maxRequests: 10,
      maxBytes: limits.maxBytes ?? 1000,
      priceShare: 1,
      sizeOf: ({ body: sent }) => (sent["prompt"] as string).length / 4,
      async create(requests) {
        pieces.push(requests.map(({ customId }) => customId.slice(customId.lastIndexOf("-") + 1)).join(""))
        return requests.map(({ customId }) => customId).join()
      },
      find: async () => undefined,
      progress: async () => ({ state: "ended", done: 0, total: 0 }),
      async *results(id) {
        for (const customId of id.split(",")) yield { customId, status: "ok", body: customId }
      },
      cancel: async () => {},
    }
    const prompts = [5, 5, 5, 50, 1].map((tokens) => ({ prompt: "word".repeat(tokens) }))
    const { maxRequests, maxTokens: maxEnqueuedTokens } = limits
    const told = { ...(maxRequests && { maxRequests }), ...(maxEnqueuedTokens && { maxEnqueuedTokens }) }
    const outcomes = await runBatches(prompts, { vendor, clock: fastClock(), ...told })
    expect(outcomes.map((one) => one.status === "ok" && String(one.value).at(-1))).toEqual(["0", "1", "2", "3", "4"])
    return pieces
  }
  expect(await cut({})).toEqual(["01234"])
  expect(await cut({ maxRequests: 2 })).toEqual(["01", "23", "4"])
  expect(await cut({ maxBytes: 10 })).toEqual(["01", "2", "3", "4"])
  expect(await cut({ maxTokens: 11 })).toEqual(["01", "2", "3", "4"])
})
