import { semaphore } from "@sluice/scheduler"
import { expect, it } from "vitest"
import { BaseNode, BatchFlow, BatchNode, type Limits, ParallelBatchFlow, ParallelBatchNode } from "../src/index.ts"
import { kits, runWith, sleep } from "./kit.ts"

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
