import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { setTimeout } from "node:timers/promises"
import { openJournal } from "@sluice/journal"
import type { Redis } from "ioredis"
import { onTestFinished } from "vitest"

export interface AskedVendor {
  readonly url: string
  readonly answered: () => number
  /** How often each index was asked. */
  readonly calls: ReadonlyMap<number, number>
  /** What was asked with a key, by index. */
  readonly askedBy: (key: string) => ReadonlySet<number>
  /** Calls that were cut before they were answered. */
  readonly cut: () => number
}

/** Answers "Say word N." with itself after a while, and knows who asked. */
export async function askedVendor(latencyMs: number): Promise<AskedVendor> {
  const calls = new Map<number, number>()
  const byKey = new Map<string, Set<number>>()
  let [answered, cut] = [0, 0]
  const askedBy = (key: string): Set<number> => {
    const asked = byKey.get(`Bearer ${key}`) ?? new Set()
    byKey.set(`Bearer ${key}`, asked)
    return asked
  }
  const server = createServer((request, response) => {
    response.on("close", () => (response.writableFinished ? answered++ : cut++))
    void request.toArray().then(async (chunks) => {
      const { messages } = JSON.parse(Buffer.concat(chunks as Buffer[]).toString()) as {
        messages: { content: string }[]
      }
      const { content } = messages.at(-1)!
      const index = Number(/\d+/.exec(content)![0])
      calls.set(index, (calls.get(index) ?? 0) + 1)
      askedBy(request.headers.authorization!.slice("Bearer ".length)).add(index)
      await setTimeout(latencyMs)
      const choices = [{ index: 0, finish_reason: "stop", message: { role: "assistant", content } }]
      const usage = { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 }
      response.writeHead(200, { "content-type": "application/json" })
      response.end(JSON.stringify({ id: "1", object: "chat.completion", created: 1, model: "x", choices, usage }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url, answered: () => answered, calls, askedBy, cut: () => cut }
}

/** Indexes whose outcomes are in Redis, or in the run's journal: nobody needs to ask about them again. */
export async function toldIndexes(redis: Redis, journalPath: string): Promise<Set<number>> {
  const told = new Set<number>()
  // Redis first: what leaves it is in the journal by then.
  for (const key of await redis.keys("{sluice}:sluice-ask-*")) {
    const texts = key.includes(":part:")
      ? await redis.hvals(key)
      : (await redis.type(key)) === "hash"
        ? [await redis.hget(key, "returnvalue")]
        : []
    for (const text of texts) {
      const outcomes = [JSON.parse(text ?? "[]")].flat() as { readonly index: number }[]
      for (const { index } of outcomes) told.add(index)
    }
  }
  const journal = openJournal({ path: journalPath, readOnly: true })
  for (const { runId } of journal.runs()) for (const { index } of journal.items(runId)) told.add(index!)
  await journal.close()
  return told
}
