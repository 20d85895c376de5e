import { semaphore } from "@sluice/scheduler"
import type * as theirs from "pocketflow"
import { describe, expectTypeOf, test } from "vitest"
import * as ours from "../src/index.ts"

interface Shared {
  texts: string[]
}
type File = { filename: string }

describe("as in pocketflow", () => {
  // Whatever else a class has answers its own kind of node, which a class of another package cannot be.
  type Work = "prep" | "exec" | "post" | "run"
  type Attempts = Work | "maxRetries" | "wait" | "currentRetry" | "execFallback"

  test("methods and fields", () => {
    expectTypeOf<Pick<ours.BaseNode<Shared, File>, Work>>().toEqualTypeOf<Pick<theirs.BaseNode<Shared, File>, Work>>()
    expectTypeOf<Pick<ours.Node<Shared>, Attempts>>().toEqualTypeOf<Pick<theirs.Node<Shared>, Attempts>>()
    expectTypeOf<Pick<ours.BatchNode<Shared>, Attempts>>().toEqualTypeOf<Pick<theirs.BatchNode<Shared>, Attempts>>()
    expectTypeOf<Pick<ours.ParallelBatchNode, Attempts>>().toEqualTypeOf<Pick<theirs.ParallelBatchNode, Attempts>>()
    expectTypeOf<Pick<ours.Flow<Shared, File>, Work>>().toEqualTypeOf<Pick<theirs.Flow<Shared, File>, Work>>()
    expectTypeOf<Pick<ours.BatchFlow<Shared, File, File[]>, Work>>().toEqualTypeOf<
      Pick<theirs.BatchFlow<Shared, File, File[]>, Work>
    >()
    expectTypeOf<Pick<ours.ParallelBatchFlow, Work>>().toEqualTypeOf<Pick<theirs.ParallelBatchFlow, Work>>()
    expectTypeOf<Parameters<ours.BaseNode["getNextNode"]>>().toEqualTypeOf<Parameters<theirs.BaseNode["getNextNode"]>>()
    expectTypeOf<Parameters<ours.BaseNode<Shared, File>["setParams"]>>().toEqualTypeOf<[params: File]>()
  })

  test("constructors take what theirs take", () => {
    expectTypeOf<ConstructorParameters<typeof theirs.Node>>().toExtend<ConstructorParameters<typeof ours.Node>>()
    expectTypeOf<typeof ours.Flow>().constructorParameters.toEqualTypeOf<[start: ours.BaseNode]>()
  })

  test("calls chain: next answers the node it was given, on, setParams and clone the node itself", () => {
    class Load extends ours.Node<Shared, File> {}
    class Count extends ours.BatchNode<Shared, File> {}
    const load = new Load()
    const count = new Count()
    expectTypeOf(load.next(count)).toEqualTypeOf<Count>()
    expectTypeOf(load.on("more", count)).toEqualTypeOf<Load>()
    expectTypeOf(load.setParams({ filename: "a.md" })).toEqualTypeOf<Load>()
    expectTypeOf(load.clone()).toEqualTypeOf<Load>()
    expectTypeOf(load.getNextNode()).toEqualTypeOf<ours.BaseNode | undefined>()
    expectTypeOf(new ours.Flow<Shared>(load).run({ texts: [] })).resolves.toEqualTypeOf<string | undefined>()
  })

  test("what theirs refuses, ours refuses", () => {
    const node = new ours.Node<Shared, File>()
    // @ts-expect-error params are objects of the node's own type
    node.setParams({ file: "a.md" })
    // @ts-expect-error params are no arrays
    expectTypeOf<ours.Node<Shared, string[]>>()
    // @ts-expect-error the state lacks `texts`
    void node.run({})
    void class extends ours.Node {
      // @ts-expect-error an action is a string
      override async post(): Promise<number> {
        return 1
      }
    }
  })
})

test("limits are ours: the third argument of a node, the second of a batch flow, or a field", () => {
  const limiter = semaphore({ limit: 3 })
  const items = new ours.ParallelBatchNode(3, 1, { concurrency: 8, timeoutMs: 1_000, limiter })
  expectTypeOf(new ours.ParallelBatchFlow(items, { concurrency: "auto" }).limits).toEqualTypeOf<ours.Limits>()
  void class extends ours.Node {
    override limits = { limiter }
  }
  // @ts-expect-error misspelt
  expectTypeOf(new ours.Node(1, 0, { concurency: 8 }))
})
