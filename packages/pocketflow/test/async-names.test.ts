import * as pocketflow from "@sluice/pocketflow"
import { expect, it } from "vitest"

it.each([
  ["AsyncNode", pocketflow.AsyncNode, pocketflow.Node],
  ["AsyncBatchNode", pocketflow.AsyncBatchNode, pocketflow.BatchNode],
  ["AsyncParallelBatchNode", pocketflow.AsyncParallelBatchNode, pocketflow.ParallelBatchNode],
  ["AsyncFlow", pocketflow.AsyncFlow, pocketflow.Flow],
  ["AsyncBatchFlow", pocketflow.AsyncBatchFlow, pocketflow.BatchFlow],
  ["AsyncParallelBatchFlow", pocketflow.AsyncParallelBatchFlow, pocketflow.ParallelBatchFlow],
])("%s, as PocketFlow's pages call it, is the plain class", (_name, asynchronous, plain) => {
  expect(asynchronous).toBe(plain)
})

it("a class of the Async names takes the type of its state, and its nodes run in a flow of the plain ones", async () => {
  class Count extends pocketflow.AsyncParallelBatchNode<{ texts: string[]; lengths?: number[] }> {
    override async prep(shared: { texts: string[] }) {
      return shared.texts
    }
    override async exec(text: string) {
      return text.length
    }
    override async post(shared: { lengths?: number[] }, _texts: string[], lengths: number[]) {
      shared.lengths = lengths
      return undefined
    }
  }
  const shared: { texts: string[]; lengths?: number[] } = { texts: ["a", "bb"] }
  const flow: pocketflow.AsyncFlow = new pocketflow.AsyncFlow(new Count())
  await flow.run(shared)
  expect(shared.lengths).toEqual([1, 2])
})
