import { expect, it } from "vitest"
import { BaseNode, BatchNode, Node, ParallelBatchNode } from "../src/index.ts"
import { kits, runBoth } from "./kit.ts"

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

it("a flow has no exec, a batch flow's prep must return params, and an empty one runs nothing", async () => {
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

it("constructors have the same defaults, and a clone has params and successors of its own", async () => {
  const { theirs, ours } = await runBoth(async (kit) => {
    class Tagged extends kit.Node<{ log: unknown[] }, { tag: string }> {
      readonly list = [1]
      override async post(shared: { log: unknown[] }): Promise<undefined> {
        shared.log.push(this._params.tag, this.list)
      }
    }
    const first = new Tagged().setParams({ tag: "first" })
    const clone = first.clone()
    clone.setParams({ tag: "clone" })
    clone.next(new Tagged())
    const shared = { log: [] as unknown[] }
    await first.run(shared)
    await clone.run(shared)
    clone.list.push(2)
    const { maxRetries, wait, currentRetry } = first
    return [maxRetries, wait, currentRetry, shared.log, first.getNextNode(), clone instanceof Tagged, first.list]
  })
  expect(ours.value).toEqual([1, 0, 0, ["first", [1, 2], "clone", [1, 2]], undefined, true, [1, 2]])
  expect(ours).toMatchObject({ value: theirs.value, warnings: theirs.warnings })
})
