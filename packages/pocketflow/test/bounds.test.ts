import { currentScope, SluiceError } from "@sluice/core"
import { semaphore } from "@sluice/scheduler"
import { expect, it } from "vitest"
import {
  BaseNode,
  BatchFlow,
  BatchNode,
  Flow,
  type Limits,
  Node,
  ParallelBatchFlow,
  ParallelBatchNode,
} from "../src/index.ts"
import { kits, runBoth, runWith, sleep } from "./kit.ts"

/** Counts what runs at once. */
class Meter {
  running = 0
  most = 0
  started = 0
  async measure(): Promise<void> {
    this.started++
    this.most = Math.max(this.most, ++this.running)
    await sleep(10)
    this.running--
  }
}

async function mostOf(Kind: typeof BatchNode, limits?: Limits): Promise<number> {
  const meter = new Meter()
  class Items extends Kind {
    override async prep(): Promise<number[]> {
      return Array.from({ length: 100 }, (_, index) => index)
    }
    override async exec(): Promise<void> {
      await meter.measure()
    }
  }
  await runWith(kits.ours, async () => new Items(1, 0, limits).run({}))
  expect(meter.started).toBe(100)
  return meter.most
}

async function mostFlows(Kind: typeof BatchFlow, limits?: Limits): Promise<number> {
  const meter = new Meter()
  class One extends BaseNode {
    override async exec(): Promise<void> {
      await meter.measure()
    }
  }
  class Flows extends Kind {
    override async prep(): Promise<{ n: number }[]> {
      return Array.from({ length: 40 }, (_, n) => ({ n }))
    }
  }
  await runWith(kits.ours, async () => new Flows(new One(), limits).run({}))
  expect(meter.started).toBe(40)
  return meter.most
}

it("a parallel batch runs 16 items that hold no permit, or what concurrency says; a batch one", async () => {
  expect(await mostOf(ParallelBatchNode)).toBe(16)
  expect(await mostOf(ParallelBatchNode, { concurrency: 50 })).toBe(50)
  expect(await mostOf(BatchNode)).toBe(1)
  expect(await mostOf(BatchNode, { concurrency: 4 })).toBe(4)
  expect(await mostOf(ParallelBatchNode, { limiter: semaphore({ limit: 30 }) })).toBe(30)
})

it("a parallel batch flow likewise; theirs starts everything at once", async () => {
  expect(await mostFlows(ParallelBatchFlow)).toBe(16)
  expect(await mostFlows(ParallelBatchFlow, { concurrency: 7 })).toBe(7)
  expect(await mostFlows(BatchFlow)).toBe(1)
  const meter = new Meter()
  class Items extends kits.theirs.ParallelBatchNode {
    override async prep(): Promise<number[]> {
      return Array.from({ length: 100 }, (_, index) => index)
    }
    override async exec(): Promise<void> {
      await meter.measure()
    }
  }
  await runWith(kits.theirs, async () => new Items().run({}))
  expect(meter.most).toBe(100)
})

it("one limiter bounds a flow of flows of items, and does not deadlock", async () => {
  const meter = new Meter()
  const limiter = semaphore({ limit: 3 })
  class Items extends ParallelBatchNode {
    override limits = { limiter }
    override async prep(): Promise<number[]> {
      return [1, 2, 3, 4]
    }
    override async exec(): Promise<void> {
      await meter.measure()
    }
  }
  class Flows extends ParallelBatchFlow {
    override async prep(): Promise<{ n: number }[]> {
      return Array.from({ length: 10 }, (_, n) => ({ n }))
    }
  }
  await runWith(kits.ours, async () => new Flows(new Items(), { limiter }).run({}))
  expect(meter).toMatchObject({ started: 40, most: 3, running: 0 })
  expect(limiter.snapshot()).toMatchObject({ inUse: 0, waiting: 0 })
})

it("an attempt that takes longer than timeoutMs has failed, its signal is aborted, and another follows", async () => {
  const signals: (AbortSignal | undefined)[] = []
  class Slow extends Node<{ out?: string }> {
    override async exec(): Promise<string> {
      signals.push(currentScope()?.signal)
      await sleep(this.currentRetry === 0 ? 1_000 : 1)
      return `done in ${currentScope()?.site} at ${currentScope()?.priority}`
    }
    override async post(shared: { out?: string }, _: unknown, out: string): Promise<undefined> {
      shared.out = out
    }
  }
  const shared: { out?: string } = {}
  await runWith(kits.ours, async () => new Slow(2, 0, { timeoutMs: 50 }).run(shared))
  expect(shared.out).toBe("done in parallelMap at 0")
  expect(signals.map((signal) => signal?.aborted)).toEqual([true, false])
})

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

it("items come from any iterable; anything else is no items, as in pocketflow", async () => {
  const resultsOf = async (Kind: typeof BatchNode, items: unknown): Promise<unknown> => {
    class Items extends Kind<{ results?: unknown }> {
      override async prep(): Promise<unknown> {
        return items
      }
      override async exec(item: unknown): Promise<unknown> {
        return item
      }
      override async post(shared: { results?: unknown }, _: unknown, results: unknown): Promise<undefined> {
        shared.results = results
      }
    }
    const shared: { results?: unknown } = {}
    await new Items().run(shared)
    return shared.results
  }
  async function* later(): AsyncGenerator<number> {
    yield* [1, 2]
  }
  for (const Kind of [BatchNode, ParallelBatchNode]) {
    expect(await resultsOf(Kind, new Set([1, 2]))).toEqual([1, 2])
    expect(await resultsOf(Kind, later())).toEqual([1, 2])
  }
  for (const none of [undefined, null, 0, "text", {}, []]) {
    expect(await resultsOf(ParallelBatchNode, none)).toEqual([])
    expect(await resultsOf(kits.theirs.ParallelBatchNode as never, none)).toEqual([])
  }
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

it("tells what pocketflow prints, and survives a listener that throws", async () => {
  const { theirs, ours } = await runBoth(async (kit) => {
    const [a, b] = [new kit.Node(), new kit.Node()]
    a.next(b)
    a.on("default", b)
    await a.run({})
    a.getNextNode("other")
    return [a.getNextNode() === b, a.getNextNode("") === b, b.getNextNode("x"), a.on("x", b) === a]
  })
  expect(ours.value).toEqual([true, true, undefined, true])
  expect(ours).toMatchObject({ value: theirs.value, warnings: theirs.warnings })
  expect(ours.warnings).toHaveLength(3)

  BaseNode.onEvent = () => {
    throw new Error("listener")
  }
  const node = new Node()
  expect(() => node.on("x", node).on("x", node)).not.toThrow()
  BaseNode.onEvent = undefined
})

it("a flow has no exec, a batch flow's prep must answer params, and an empty one runs nothing", async () => {
  const { theirs, ours } = await runBoth(async (kit) => {
    class Silent extends kit.ParallelBatchFlow {
      override async prep(): Promise<never[]> {
        return undefined as never
      }
    }
    const messages: unknown[] = []
    await new kit.Flow(new kit.Node()).exec(0).catch((error: Error) => messages.push(error.message))
    await new Silent(new kit.Node()).run({}).catch((error: Error) => messages.push(error.name))
    messages.push(await new kit.ParallelBatchFlow(new kit.Node()).run({}))
    return messages
  })
  expect(ours.value).toEqual(["Flow can't exec.", "TypeError", undefined])
  expect(theirs.value).toEqual(ours.value)
})

it("runs inside a Sluice item under that item's scope", async () => {
  const { value } = await runWith(kits.ours, async () => {
    const spent: unknown[] = []
    class Spender extends Node {
      override async exec(): Promise<void> {
        const scope = currentScope()
        scope?.spend?.({ requests: 1 })
        spent.push(scope?.runId, scope?.spanId)
      }
    }
    const { define } = await import("@sluice/core")
    const events: string[] = []
    const outer = define<object>().step({
      name: "outer",
      exec: async () => void (await new Flow(new Spender()).run({})),
    })
    await outer.run({}, { runId: "r1", onEvent: ({ type }) => events.push(type) })
    return [spent, events.filter((type) => type === "usage")]
  })
  expect(value).toEqual([["r1", expect.any(Number)], ["usage"]])
})
