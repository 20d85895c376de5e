import * as theirs from "pocketflow"
import { vi } from "vitest"
import * as ours from "../src/index.ts"

/** A program takes the package as an argument: running it through both is changing its import. */
export type Kit = typeof theirs

export const kits: Readonly<Record<"theirs" | "ours", Kit>> = { theirs, ours: ours as unknown as Kit }

export interface Ending {
  readonly value?: unknown
  readonly thrown?: unknown
  /** The texts of their `console.warn`, and of our events. */
  readonly warnings: readonly string[]
  readonly tookMs: number
}

/** Runs a program in virtual time, to its end. */
export async function runWith(kit: Kit, program: (kit: Kit) => Promise<unknown>): Promise<Ending> {
  const warnings: string[] = []
  const printed = vi.spyOn(console, "warn").mockImplementation((text: string) => {
    if (kit !== kits.theirs) throw new Error(`Printed: ${text}`)
    warnings.push(text)
  })
  ours.BaseNode.onEvent = (event) => {
    if (event.type === "warning") warnings.push(event.message)
  }
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setImmediate", "performance"] })
  const startedAt = performance.now()
  let tookMs = 0
  const ended = program(kit).then(
    (value) => ((tookMs = performance.now() - startedAt), { value }),
    (thrown: unknown) => ((tookMs = performance.now() - startedAt), { thrown }),
  )
  try {
    await vi.runAllTimersAsync()
    return { ...(await ended), warnings, tookMs }
  } finally {
    vi.useRealTimers()
    printed.mockRestore()
    ours.BaseNode.onEvent = undefined
  }
}

/** The same program through both packages. */
export async function runBoth(program: (kit: Kit) => Promise<unknown>): Promise<{ theirs: Ending; ours: Ending }> {
  return { theirs: await runWith(kits.theirs, program), ours: await runWith(kits.ours, program) }
}

/** Virtual milliseconds. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
