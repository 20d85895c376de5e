import type { Permit } from "@sluice/core"
import type { Worker } from "bullmq"
import { expect, test } from "vitest"
import { keptOf, KeptOutcomes } from "../src/kept-outcomes.ts"

/** Writes down what is sent, and answers when it is told to. */
function setUp(items: number, taken = <T>(ask: () => Promise<T>) => ask()) {
  const sent: string[][] = []
  const answers: (() => void)[] = []
  const client = {
    defineCommand: () => {},
    runCommand: (_name: string, [, , , ...fields]: string[]) => {
      sent.push(fields.filter((_, at) => at % 2 === 0).map(String))
      return new Promise<void>((resolve) => void answers.push(resolve))
    },
    del: () => Promise.resolve(1),
  }
  const worker = { getBackend: () => ({ client: Promise.resolve(client) }), toKey: (key: string) => key }
  const free: number[] = []
  const kept = new KeptOutcomes(worker as unknown as Worker, { taken }, "1", items, [])
  const end = (index: number): void => {
    const permit = { settle: () => free.push(index) } as unknown as Permit
    kept.ended({ index, print: "", attempts: 1, ms: 1, status: "ok" }, permit)
  }
  return { sent, answers, free, kept, end }
}

/** All that this moment leads to by itself, before anything is read from anywhere. */
const moment = async (): Promise<void> => {
  for (let each = 0; each < 5; each++) await new Promise<void>((resolve) => process.nextTick(resolve))
}

test("each outcome is sent at once, also while another is on its way; a place is free when Redis has it", async () => {
  const { sent, answers, free, end } = setUp(9)
  end(0)
  await moment()
  end(1)
  end(2)
  await moment()
  expect([sent, free]).toEqual([[["0"], ["1", "2"]], []])
  answers[1]!()
  await moment()
  expect(free).toEqual([1, 2])
})

test("items that all end at once are told with their job alone, and their places are free after it", async () => {
  const { sent, free, kept, end } = setUp(3)
  for (const index of [0, 1, 2]) end(index)
  await moment()
  expect([sent, free]).toEqual([[], []])
  kept.close()
  expect(free).toEqual([0, 1, 2])
  end(2)
  expect(free).toEqual([0, 1, 2, 2])
})

test("what a worker could not do for a reason of its own is for the next one to do", async () => {
  const which = { print: "", attempts: 1, ms: 1 }
  const failed = (index: number, code: string) =>
    JSON.stringify({ ...which, index, status: "failed", error: { name: "SluiceError", message: "no key", code } })
  const texts = [failed(0, "worker-error"), failed(1, "usage"), JSON.stringify({ ...which, index: 2, status: "ok" })]
  const client = { defineCommand: () => {}, runCommand: () => Promise.resolve(texts) }
  const worker = { getBackend: () => ({ client: Promise.resolve(client) }), toKey: (key: string) => key }
  expect((await keptOf(worker as unknown as Worker, "1")).map(({ index }) => index)).toEqual([1, 2])
})

test("a place is free, too, where Redis was left without having taken its outcome", async () => {
  const { free, end } = setUp(9, () => Promise.reject(new Error("READONLY")))
  end(0)
  await moment()
  expect(free).toEqual([0])
})
