import { getEventListeners } from "node:events"
import { expect, it } from "vitest"
import { onAbort } from "../../src/queue/on-abort.ts"

it("keeps one listener for all who wait on a signal, and none when nobody does", () => {
  const { signal } = new AbortController()
  const forgets = Array.from({ length: 1_000 }, () => onAbort(signal, () => {}))
  expect(getEventListeners(signal, "abort")).toHaveLength(1)
  forgets[0]!()
  forgets[0]!()
  expect(getEventListeners(signal, "abort")).toHaveLength(1)
  for (const forget of forgets) forget()
  expect(getEventListeners(signal, "abort")).toHaveLength(0)
  onAbort(signal, () => {})()
  expect(getEventListeners(signal, "abort")).toHaveLength(0)
})

it("calls whoever still waits, once, in order, also when they leave meanwhile", () => {
  const controller = new AbortController()
  const calls: string[] = []
  const forgetA = onAbort(controller.signal, () => calls.push("a"))
  onAbort(controller.signal, () => {
    calls.push("b")
    forgetC()
  })
  const forgetC = onAbort(controller.signal, () => calls.push("c"))
  forgetA()
  controller.abort()
  controller.abort()
  expect(calls).toEqual(["b"])
})
