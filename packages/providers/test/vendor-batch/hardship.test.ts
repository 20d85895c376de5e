import type { IncomingMessage, ServerResponse } from "node:http"
import Anthropic from "@anthropic-ai/sdk"
import { ItemError, type Outcome } from "@sluice/core"
import OpenAI from "openai"
import { describe, expect, it, vi } from "vitest"
import {
  anthropicBatches,
  limitedFetch,
  memoryLedger,
  openaiBatches,
  openaiOptions,
  runBatches,
} from "../../src/index.ts"
import { fastClock, scriptedServer, type ScriptedServer } from "../scripted-server.ts"
import { clientsOf, outcomesOf, texts } from "../lane-setup.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

type Step = "upload" | "create" | "poll" | "download"
type Refuse = (
  step: Step,
  nth: number,
) => { status: number; body?: object; headers?: Record<string, string> } | undefined
type Row = (customId: string) => object

const fine: Row = (custom_id) => ({
  custom_id,
  response: {
    status_code: 200,
    body: {
      choices: [{ message: { role: "assistant", content: "fine" } }],
      usage: { prompt_tokens: 1, completion_tokens: 1 },
    },
  },
})

/** OpenAI's batch API, as far as it is used, which may refuse any of its steps. */
async function openaiBatchServer(
  refuse: Refuse,
  row: Row = fine,
): Promise<ScriptedServer & { jobs(): number; rows: (row: Row) => void }> {
  const seen: Record<Step, number> = { upload: 0, create: 0, poll: 0, download: 0 }
  const files = new Map<string, string[]>()
  const jobs: { id: string; file: string; metadata: unknown }[] = []
  let answer = row
  const stepOf = ({ method, url = "" }: IncomingMessage): Step | undefined =>
    url.includes("/content")
      ? "download"
      : url.endsWith("/files")
        ? "upload"
        : method === "POST"
          ? "create"
          : /batches\/\w/.test(url)
            ? "poll"
            : undefined
  const job = ({ id, file, metadata }: (typeof jobs)[number]): object => ({
    id,
    object: "batch",
    status: "completed",
    created_at: Date.parse("2026-11-24T10:00:00Z") / 1000,
    output_file_id: `out-${file}`,
    request_counts: { completed: files.get(file)!.length, failed: 0, total: files.get(file)!.length },
    metadata,
  })
  const send = (response: ServerResponse, body: unknown): void =>
    void response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body))
  const server = await scriptedServer((_n, response, request) => {
    const { body } = server.calls.at(-1)!
    const step = stepOf(request)
    const refused = step && refuse(step, seen[step]++)
    if (refused) {
      const text = JSON.stringify(refused.body ?? { error: { message: "later", code: null, type: null } })
      response.writeHead(refused.status, { "content-type": "application/json", ...refused.headers }).end(text)
    } else if (step === "upload") {
      const id = `file-${files.size}`
      files.set(
        id,
        [...body.matchAll(/"custom_id":"([^"]+)"/g)].map((found) => found[1]!),
      )
      send(response, { id })
    } else if (step === "create") {
      const { input_file_id, metadata } = JSON.parse(body) as { input_file_id: string; metadata: unknown }
      jobs.push({ id: `b${jobs.length}`, file: input_file_id, metadata })
      send(response, job(jobs.at(-1)!))
    } else if (step === "poll") send(response, job(jobs.find(({ id }) => request.url!.endsWith(id))!))
    else if (step === "download") {
      const file = /out-(file-\d+)/.exec(request.url!)![1]!
      response.end(
        files
          .get(file)!
          .map((id) => `${JSON.stringify(answer(id))}\n`)
          .join(""),
      )
    } else send(response, { data: jobs.map(job), has_more: false })
  })
  return { ...server, jobs: () => jobs.length, rows: (next) => void (answer = next) }
}

const bodies = Array.from({ length: 4 }, (_, index) => ({
  model: "m",
  messages: [{ role: "user", content: `Text ${index}` }],
}))
const statuses = (outcomes: readonly Outcome<unknown>[]): string[] => outcomes.map(({ status }) => status)

describe("runBatches survives", () => {
  it.each<[string, Refuse]>([
    ["503 at the upload", (step, nth) => (step === "upload" && nth < 2 ? { status: 503 } : undefined)],
    ["503 at the creation", (step, nth) => (step === "create" && nth < 2 ? { status: 503 } : undefined)],
    [
      "429 at the creation",
      (step, nth) => (step === "create" && nth < 2 ? { status: 429, headers: { "retry-after": "30" } } : undefined),
    ],
    ["503 at the looks", (step, nth) => (step === "poll" && nth < 3 ? { status: 503 } : undefined)],
    ["503 at the download", (step, nth) => (step === "download" && nth < 2 ? { status: 503 } : undefined)],
  ])("%s", async (_name, refuse) => {
    const server = await openaiBatchServer(refuse)
    const clock = fastClock()
    for (const options of [{ maxRetries: 0 }, openaiOptions(limitedFetch({ clock }))]) {
      const vendor = openaiBatches(new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "k", ...options }))
      expect(statuses(await runBatches(bodies, { vendor, clock }))).toEqual(["ok", "ok", "ok", "ok"])
    }
    expect(server.jobs()).toBe(2)
  })

  it("not what is refused for good: one call", async () => {
    const server = await openaiBatchServer((step) =>
      step === "create" ? { status: 400, body: { error: { message: "no such model" } } } : undefined,
    )
    const vendor = openaiBatches(new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "k", maxRetries: 0 }))
    await expect(runBatches(bodies, { vendor, clock: fastClock() })).rejects.toMatchObject({ status: 400 })
    expect(server.calls.filter(({ path }) => path.endsWith("/files"))).toHaveLength(1)
  })

  it("not a batch that money is missing for, whatever the status: one call", async () => {
    const server = await openaiBatchServer((step) =>
      step === "create"
        ? { status: 429, body: { error: { code: "insufficient_quota", message: "You exceeded your current quota" } } }
        : undefined,
    )
    const vendor = openaiBatches(new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "k", maxRetries: 0 }))
    await expect(runBatches(bodies, { vendor, clock: fastClock() })).rejects.toMatchObject({
      code: "insufficient_quota",
    })
    expect(server.calls.filter(({ path }) => path.endsWith("/files"))).toHaveLength(1)
  })
})

const broke: Row = (custom_id) => ({
  custom_id,
  response: {
    status_code: 400,
    body: { error: { type: "invalid_request_error", message: "Your credit balance is too low to access the API." } },
  },
})

describe("a spend cap as a row of a batch", () => {
  it("runBatches: no further round, no call online, and the same call goes on later", async () => {
    const server = await openaiBatchServer(
      () => undefined,
      (id) => (id.endsWith("-0") ? fine(id) : broke(id)),
    )
    const clock = fastClock()
    const ledger = memoryLedger()
    const online = vi.fn<() => Promise<unknown>>(async () => "online")
    const run = (): Promise<Outcome<unknown>[]> => {
      const vendor = openaiBatches(new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "k", maxRetries: 0 }))
      return runBatches(bodies, { vendor, clock, ledger, online })
    }
    for (let times = 1; times <= 3; times++) {
      const outcomes = await run()
      expect(statuses(outcomes)).toEqual(["ok", "failed", "failed", "failed"])
      expect(outcomes[1]).toMatchObject({
        error: { code: "quota-exhausted", message: expect.stringContaining("credit balance is too low") },
      })
      expect([server.jobs(), online.mock.calls.length]).toEqual([times, 0])
    }
    server.rows(fine)
    expect(statuses(await run())).toEqual(["ok", "ok", "ok", "ok"])
  })

  it("Anthropic's row of that kind is one too", async () => {
    const client = {
      messages: {
        batches: {
          results: async () =>
            (async function* () {
              yield {
                custom_id: "a",
                result: {
                  type: "errored",
                  error: {
                    type: "error",
                    error: { type: "invalid_request_error", message: "Your credit balance is too low" },
                  },
                },
              }
            })(),
        },
      },
    } as unknown as Anthropic
    const rows = await Array.fromAsync(anthropicBatches(client).results("b"))
    expect(rows).toMatchObject([{ status: "failed", isSpendCap: true }])
  })

  it("a batch node's lane: nobody is asked again, no call goes online, each item says that no call was made", async () => {
    const server = await openaiBatchServer(() => undefined, broke)
    const setup = { vendor: server as never, ...clientsOf(server as never) }
    const outcomes = await outcomesOf(setup, setup.ask.openai, texts(20), "batch")
    for (const outcome of outcomes) {
      expect(outcome.status).toBe("failed")
      const error = outcome.status === "failed" ? outcome.error : undefined
      const cause = (error instanceof ItemError ? error.cause : error) as { headers?: Headers }
      expect(cause.headers?.get("x-sluice-code")).toBe("quota-exhausted")
    }
    expect(server.jobs()).toBe(1)
    expect(server.calls.filter(({ path }) => path.endsWith("/completions"))).toHaveLength(0)
  })
})
