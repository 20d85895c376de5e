import { currentScope, SluiceError } from "@sluice/core"
import { expect, it } from "vitest"
import { BaseNode, Node, ParallelBatchFlow, ParallelBatchNode } from "../src/index.ts"
import { kits, runBoth, runWith, sleep } from "./kit.ts"

it("a failed batch starts nothing more, aborts what is in flight and waits for it", async () => {
  const ended: number[] = []
  let started = 0
  let aborted = 0
  class Items extends ParallelBatchNode {
    override async prep(): Promise<number[]> {
      return Array.from({ length: 50 }, (_, index) => index)
    }
    override async exec(item: number): Promise<void> {
      started++
      await sleep(item === 3 ? 5 : 20)
      if (item === 3) throw new Error("third")
      if (currentScope()?.signal?.aborted) aborted++
      ended.push(item)
    }
  }
  const { thrown } = await runWith(kits.ours, async () => {
    try {
      return await new Items().run({})
    } finally {
      ended.push(-1)
    }
  })
  expect(thrown).toEqual(new Error("third"))
  expect({ started, aborted }).toEqual({ started: 16, aborted: 15 })
  expect(ended.at(-1)).toBe(-1)
})

it("sub-flows of a failed batch flow start no further node", async () => {
  const log: string[] = []
  class First extends Node<unknown, { n: number }> {
    override async exec(): Promise<void> {
      await sleep(this._params.n)
      if (this._params.n === 1) throw new Error("one")
    }
  }
  class Second extends BaseNode<unknown, { n: number }> {
    override async exec(): Promise<void> {
      log.push(`second ${this._params.n}`)
    }
  }
  class Flows extends ParallelBatchFlow {
    override async prep(): Promise<{ n: number }[]> {
      return [{ n: 0 }, { n: 1 }, { n: 2 }, { n: 3 }]
    }
  }
  const first = new First()
  first.next(new Second())
  const { thrown } = await runWith(kits.ours, async () => new Flows(first).run({}))
  expect(thrown).toEqual(new Error("one"))
  expect(log).toEqual(["second 0"])
})

it("what says retryable: false is not tried again; whatever else is thrown is, also an AbortError", async () => {
  const triesOf = async (thrown: unknown): Promise<number> => {
    let tries = 0
    class Throws extends Node {
      override async exec(): Promise<void> {
        tries++
        throw thrown
      }
    }
    const ending = await runWith(kits.ours, async () => new Throws(3).run({}))
    expect(ending.thrown).toBe(thrown)
    return tries
  }
  expect(await triesOf(new SluiceError("vendor-refused", "no money", { retryable: false }))).toBe(1)
  for (const thrown of [new Error("any"), new DOMException("mine", "AbortError"), "text", null, undefined]) {
    expect(await triesOf(thrown)).toBe(3)
  }
})

it("a number of attempts below 1 is an error; theirs answers undefined without ever calling exec", async () => {
  const { theirs, ours } = await runBoth(async (kit) => {
    class Never extends kit.Node<{ out?: unknown }> {
      override async exec(): Promise<string> {
        return "ran"
      }
      override async post(shared: { out?: unknown }, _: unknown, out: unknown): Promise<undefined> {
        shared.out = out
      }
    }
    const shared: { out?: unknown } = { out: "untouched" }
    await new Never(0).run(shared)
    return shared.out
  })
  expect(theirs).toMatchObject({ value: undefined })
  expect(ours.thrown).toMatchObject({ code: "invalid-option" })
})
