import type { ChildProcess } from "node:child_process"
import { randomUUID } from "node:crypto"
import { closeSync, openSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Random } from "@sluice/core"
import { type ServerOptions, startVendor, type VendorServer } from "@sluice/lab"
import { type Ended, ended } from "../command/process.ts"

export interface CountingVendor {
  readonly vendor: VendorServer
  /** How often each prompt was asked. */
  readonly calls: ReadonlyMap<string, number>
}

/** The lab's vendor in this process, which answers a prompt with itself and counts how often it is asked. */
export async function countingVendor(options: Omit<ServerOptions, "answer">): Promise<CountingVendor> {
  const calls = new Map<string, number>()
  const vendor = await startVendor({
    ...options,
    answer({ messages }) {
      const prompt = messages.at(-1)?.text ?? ""
      calls.set(prompt, (calls.get(prompt) ?? 0) + 1)
      return prompt
    },
  })
  return { vendor, calls }
}

/** One process, from its start to its end by a signal. */
export interface Killed {
  /** It was there to be killed, not done before. */
  readonly hit: boolean
  /** Keys, or indexes, of the items that it had begun and not told as settled, by its own events. */
  readonly unsettled: readonly string[]
  /** Calls that the vendor had open at that moment. */
  readonly open: number
  /** From its start to its first call; `undefined` when it made none. */
  readonly firstCallMs: number | undefined
}

export interface KillAndResume {
  /** Starts the same process each time; its events are lines of JSON on standard error, which is the open file. */
  readonly start: (stderr: number) => ChildProcess
  readonly vendor: VendorServer
  /** As many calls as there are to make. */
  readonly items: number
  /** Whose items make the calls. */
  readonly node: string
  readonly kills: number
  readonly signal?: "SIGKILL" | "SIGTERM"
  readonly random: Random
  readonly afterKill?: (kill: Killed) => Promise<void> | void
}

/** Ends a process at random moments between its start and its last answer, starts it again each time, and lets the last one finish. */
export async function killAndResume(options: KillAndResume): Promise<{ kills: Killed[]; last: Ended }> {
  const kills: Killed[] = []
  while (kills.length < options.kills) {
    const kill = await endSomewhere(options, options.kills - kills.length)
    kills.push(kill)
    await options.afterKill?.(kill)
  }
  const { child, events } = begin(options.start)
  const last = await ended(child)
  return { kills, last: { ...last, stderr: events() } }
}

async function endSomewhere(
  { start, vendor, items, node, signal = "SIGKILL", random }: KillAndResume,
  killsLeft: number,
): Promise<Killed> {
  const before = vendor.stats()
  const target = before.answered + random.next() * 2 * ((items - before.answered) / (killsLeft + 1))
  const fromMs = performance.now()
  let firstCallMs: number | undefined
  const { child, events } = begin(start)
  const end = ended(child)
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null
  for (let now = before; !isOver() && now.answered < target; now = vendor.stats()) {
    await pause(1)
    if (now.arrived > before.arrived) firstCallMs ??= performance.now() - fromMs
  }
  // Not always just after an answer.
  await pause(random.next() * 30)
  const hit = !isOver()
  const open = vendor.stats().inFlight
  child.kill(signal)
  await end
  return { hit, unsettled: unsettledOf(events(), node), open, firstCallMs }
}

/** `events` reads what the process has written, once it has ended. */
function begin(start: KillAndResume["start"]): { child: ChildProcess; events: () => string } {
  const path = join(tmpdir(), `sluice-events-${randomUUID()}`)
  const file = openSync(path, "w")
  const child = start(file)
  closeSync(file)
  const events = (): string => {
    const text = readFileSync(path, "utf8")
    rmSync(path)
    return text
  }
  return { child, events }
}

function unsettledOf(stderr: string, node: string): string[] {
  const begun = new Map<number, string>()
  // The kill may have cut the last line.
  for (const line of stderr.split("\n").slice(0, -1)) {
    const event = JSON.parse(line) as { type: string; node?: string; spanId: number; key?: string; index: number }
    if (event.node !== node) continue
    if (event.type === "item-start") begun.set(event.spanId, event.key ?? String(event.index))
    else if (event.type === "item-end") begun.delete(event.spanId)
  }
  return [...begun.values()]
}

/** Prompts that were asked more often than once and once more for each kill that found their item in flight. */
export function repeatedWithoutCause(
  calls: ReadonlyMap<string, number>,
  kills: readonly Killed[],
  promptOf: (item: string) => string,
): string[] {
  const allowed = new Map<string, number>()
  for (const item of kills.flatMap(({ unsettled }) => unsettled)) {
    allowed.set(promptOf(item), (allowed.get(promptOf(item)) ?? 1) + 1)
  }
  return [...calls].flatMap(([prompt, count]) => (count > (allowed.get(prompt) ?? 1) ? [prompt] : []))
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
