import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createOpenAI } from "@ai-sdk/openai"
import { startVendor } from "@sluice/lab"
import { generateText } from "ai"
import { afterAll, expect, it, vi } from "vitest"
import { aiSdkOptions, define, limitedFetch, openJournal, type Outcome } from "../../src/index.ts"

// Real HTTP on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })
;(globalThis as { AI_SDK_LOG_WARNINGS?: boolean }).AI_SDK_LOG_WARNINGS = false

const folder = mkdtempSync(join(tmpdir(), "sluice-spend-cap-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const count = 8
const paid = 3
const refused = {
  status_code: 400,
  body: { error: { type: "invalid_request_error", message: "Your credit balance is too low to access the API." } },
}

/** OpenAI's result file once the money has run out: the first rows are answered, the others refused. */
function withoutMoney(file: string): string {
  return file
    .trimEnd()
    .split("\n")
    .map((line, row) => {
      const { custom_id } = JSON.parse(line) as { custom_id: string }
      return row < paid ? `${line}\n` : `${JSON.stringify({ custom_id, response: refused })}\n`
    })
    .join("")
}

it.each(["stop", "collect"] as const)(
  "a spend cap as rows of a batch, in a journalled run with onError %s: one batch, nothing online, and the same run goes on later",
  async (onError) => {
    const vendor = await startVendor({
      answer: "echo",
      latency: { baseMs: 0, perOutputTokenMs: 0 },
      batch: { validatingMs: 1, processingMs: 20, finalizingMs: 1 },
    })
    let isCapped = true
    const online: string[] = []
    const uploaded: number[] = []

    /** What a new process does: everything is made anew but for the file. */
    const run = async (): Promise<{ outcomes: readonly Outcome<string>[]; error: unknown }> => {
      const limited = limitedFetch({
        vendorBatches: { gatherMs: 1_000, pollMs: 20 },
        fetch: async (input, init) => {
          const request = new Request(input, init)
          if (request.url.endsWith("/chat/completions")) online.push(request.url)
          if (request.method === "POST" && request.url.endsWith("/files"))
            uploaded.push((await request.clone().text()).match(/"custom_id"/g)!.length)
          const response = await fetch(request)
          if (!isCapped || !request.url.endsWith("/content")) return response
          return new Response(withoutMoney(await response.text()), { status: response.status })
        },
      })
      const options = aiSdkOptions(limited)
      const openai = createOpenAI({ baseURL: `${vendor.url}/v1`, apiKey: "k", ...options.provider })
      let outcomes: readonly Outcome<string>[] = []
      const work = define<object>().batch({
        name: "ask",
        prep: () => Array.from({ length: count }, (_, n) => `Text ${n}`),
        exec: async (prompt: string) =>
          (await generateText({ model: openai.chat("gpt-5-mini"), prompt, ...options.call })).text,
        lane: "batch",
        onOutcome: (outcome) => {
          outcomes = [...outcomes, outcome]
        },
        ...(onError === "collect" && { onError }),
      })
      const journal = openJournal({ path: join(folder, `${onError}.sqlite`) })
      let error: unknown
      try {
        await work.run({}, { journal })
      } catch (thrown) {
        error = thrown
      }
      await journal.close()
      await limited.close()
      return { outcomes, error }
    }

    const first = await run()
    expect([uploaded, online]).toEqual([[count], []])
    if (onError === "stop") expect((first.error as Error).message).toContain("credit balance is too low")
    else {
      const failed = first.outcomes.filter(({ status }) => status === "failed")
      expect([first.outcomes.length, failed.length]).toEqual([count, count - paid])
      for (const outcome of failed)
        expect(String((outcome as { error: Error }).error)).toContain("credit balance is too low")
    }

    isCapped = false
    const second = await run()
    expect(second.error).toBeUndefined()
    expect(second.outcomes.map((one) => (one.status === "ok" ? one.value : one.error))).toEqual(
      Array.from({ length: count }, (_, n) => expect.stringContaining(`Text ${n}`) as string),
    )
    // What was answered before the money ran out is neither sent nor paid for again.
    expect([uploaded, online]).toEqual([[count, count - paid], []])
    await vendor.stop()
  },
)
