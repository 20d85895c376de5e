import { expect, test, vi } from "vitest"
import { tellWarning } from "@sluice/core/internal"

test("a warning that nobody listens for goes to the process, each message once and ten of a code at most", () => {
  const emit = vi.spyOn(process, "emitWarning").mockImplementation(() => {})
  for (let time = 0; time < 2; time++)
    for (let n = 0; n < 20; n++) tellWarning(undefined, 0, "some-code", `message ${n}`)
  tellWarning(undefined, 0, "other-code", "message 0")
  expect(emit).toHaveBeenCalledTimes(11)
  expect(emit).toHaveBeenNthCalledWith(1, "message 0", { type: "SluiceWarning", code: "some-code" })
  emit.mockRestore()
})

test("who listens hears it as an event, and the process does not", () => {
  const emit = vi.spyOn(process, "emitWarning").mockImplementation(() => {})
  const heard: unknown[] = []
  tellWarning((event) => void heard.push(event), 5, "heard", "something")
  tellWarning(
    () => {
      throw new Error("a sink's own")
    },
    5,
    "heard",
    "something",
  )
  expect(heard).toEqual([{ type: "warning", atMs: 5, code: "heard", message: "something" }])
  expect(emit).not.toHaveBeenCalled()
  emit.mockRestore()
})

test("without process.emitWarning the console says it", () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {})
  vi.stubGlobal("process", {})
  tellWarning(undefined, 0, "in-a-browser", "something")
  vi.unstubAllGlobals()
  expect(warn).toHaveBeenCalledWith("SluiceWarning: something (in-a-browser)")
  warn.mockRestore()
})
