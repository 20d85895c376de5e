import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { openJournal } from "@sluice/journal"
import type { Redis } from "ioredis"
import { onTestFinished } from "vitest"

export interface AskedVendor {
  readonly url: string
  readonly answered: () => number
  /** How often each index was asked. */
  readonly calls: ReadonlyMap<number, number>
  /** What was asked with a key, by index, and what of it was answered: the answer's last byte was sent. */
  readonly askedBy: (key: string) => ReadonlySet<number>
  readonly answeredTo: (key: string) => ReadonlySet<number>
  /** Calls that were cut before they were answered. */
  readonly cut: () => number
}

/** Answers "Say word N." with itself when it may, and knows who asked. */
export async function askedVendor(mayAnswer: (index: number) => Promise<unknown>): Promise<AskedVendor> {
  const calls = new Map<number, number>()
  const [asked, answers] = [new Map<string, Set<number>>(), new Map<string, Set<number>>()]
  let [answered, cut] = [0, 0]
  const of = (sets: Map<string, Set<number>>, key: string): Set<number> => {
    const set = sets.get(key) ?? new Set()
    sets.set(key, set)
    return set
  }
  const server = createServer((request, response) => {
    response.on("close", () => (response.writableFinished ? answered++ : cut++))
    const answer = async (chunks: unknown[]): Promise<void> => {
      const { messages } = JSON.parse(Buffer.concat(chunks as Buffer[]).toString()) as {
        messages: { content: string }[]
      }
      const { content } = messages.at(-1)!
      const index = Number(/\d+/.exec(content)![0])
      calls.set(index, (calls.get(index) ?? 0) + 1)
      const key = request.headers.authorization!.slice("Bearer ".length)
      of(asked, key).add(index)
      await mayAnswer(index)
      const choices = [{ index: 0, finish_reason: "stop", message: { role: "assistant", content } }]
      const usage = { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 }
      response.writeHead(200, { "content-type": "application/json" })
      const text = JSON.stringify({ id: "1", object: "chat.completion", created: 1, model: "x", choices, usage })
      response.end(text, () => of(answers, key).add(index))
    }
    // Half of a question is none.
    void request.toArray().then(answer, () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    answered: () => answered,
    calls,
    askedBy: (key) => of(asked, key),
    answeredTo: (key) => of(answers, key),
    cut: () => cut,
  }
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
