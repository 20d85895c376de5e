import { currentScope, define, runInScope } from "@sluice/core"
import { expect, it } from "vitest"
import { AttemptScope } from "../src/attempt-scope.ts"
import { Flow, Node } from "../src/index.ts"
import { kits, runWith, sleep } from "./kit.ts"

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
  expect(shared.out).toBe("done in Slow at 0")
  expect(signals.map((signal) => signal?.aborted)).toEqual([true, false])
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

it("an attempt outside of any scope is a scope of its own, and another node's attempt is not this one's", () => {
  const node = new Node()
  const signal = new AbortController().signal
  const seen = runInScope(new AttemptScope(node, undefined, { index: 0, attempt: 3, signal }), () => ({
    scope: currentScope(),
    own: AttemptScope.of(node)?.retry,
    other: AttemptScope.of(new Node()),
  }))
  expect(seen).toMatchObject({ own: 2, other: undefined, scope: { site: "Node", priority: 0, waiting: 0 } })
  expect([seen.scope?.runId, seen.scope?.spanId, seen.scope?.spend]).toEqual([undefined, undefined, undefined])
  expect(AttemptScope.of(node)).toBeUndefined()
})
