import { SluiceError } from "@sluice/core"
import { readQuotas, setSharedLimits, type SharedQuotaState } from "@sluice/redis"
import { sleep } from "@sluice/scheduler"
import { plainTable } from "../display/plain-table.ts"
import { printable, printableJson } from "../display/printable.ts"
import { formatDuration } from "../display/quantities.ts"
import type { Terminal } from "../display/terminal.ts"
import { exitCodes } from "../exit-codes.ts"
import { usageError } from "../usage-error.ts"
import { openRedis } from "./open-redis.ts"

export interface QuotaCommandOptions {
  readonly redis: string
  readonly json?: boolean
}

const watchEveryMs = 1_000

/** `sluice quota show`: every shared quota of a Redis, once. */
export async function showQuotas({ redis: url, json }: QuotaCommandOptions, terminal: Terminal): Promise<number> {
  const redis = await openRedis(url)
  try {
    write(await readQuotas(redis), json ?? false, terminal)
  } finally {
    redis.disconnect()
  }
  return exitCodes.done
}

/** `sluice quota watch`: the same each second, until Ctrl-C. Since when nothing was heard is said, beside what was known then. */
export async function watchQuotas(
  { redis: url, json = false }: QuotaCommandOptions,
  terminal: Terminal,
): Promise<number> {
  const { clock, stdout, stderr } = terminal
  const redis = await openRedis(url)
  // What is in the way is in the error of who asks.
  redis.on("error", () => {})
  const isDrawn = !json && stdout.isTTY
  let states: SharedQuotaState[] | undefined
  let heardAt = ""
  let isSilent = false
  const look = async (): Promise<void> => {
    let notice = ""
    try {
      states = await readQuotas(redis)
      heardAt = new Date(clock.wallNow()).toISOString().slice(11, 19)
    } catch (error) {
      if (states === undefined) throw error
      notice = `Nothing has been heard since ${heardAt} UTC: ${printable((error as Error).message)}\n`
    }
    if (isDrawn) stdout.write(`\u001B[2J\u001B[H${notice}`)
    // A line for each look would be read as news.
    else if (notice && !isSilent) stderr.write(notice)
    isSilent = notice !== ""
    if (isDrawn || !isSilent) write(states, json, terminal)
  }
  const controller = new AbortController()
  const stop = terminal.onInterrupt(() => controller.abort())
  try {
    while (!controller.signal.aborted) {
      await look()
      await sleep(clock, watchEveryMs, controller.signal).catch(() => {})
    }
  } finally {
    stop()
    redis.disconnect()
  }
  return exitCodes.done
}

/** `sluice quota set QUOTA LIMIT=N…`: for everybody at once. */
export async function setQuota(
  quota: string,
  assignments: readonly string[],
  { redis: url }: QuotaCommandOptions,
  { stdout }: Terminal,
): Promise<number> {
  const limits: Record<string, number> = {}
  for (const assignment of assignments) {
    const [, name, value] = /^(\w+)=(\d+(?:\.\d+)?)$/.exec(assignment) ?? []
    if (name === undefined)
      throw usageError(`"${assignment}" must be LIMIT=NUMBER, as in requestsPerMinute=500 (0 takes back what was set)`)
    limits[name] = Number(value)
  }
  const redis = await openRedis(url)
  try {
    await setSharedLimits(redis, quota, limits)
  } catch (error) {
    throw SluiceError.isInstance(error) ? usageError(error.message.replace("setSharedLimits: ", "")) : error
  } finally {
    redis.disconnect()
  }
  const said = Object.entries(limits).map(([name, to]) =>
    to === 0 ? `${name} as it was before it was set` : `${name}=${to}`,
  )
  stdout.write(`${printable(quota)}: ${said.join(", ")}, for all processes from now on\n`)
  return exitCodes.done
}

function write(states: readonly SharedQuotaState[], json: boolean, { stdout }: Terminal): void {
  if (json) for (const state of states) stdout.write(`${printableJson(state)}\n`)
  else if (states.length === 0) stdout.write("No quota is shared there.\n")
  else for (const state of states) stdout.write(textOf(state))
}

const round = (value: number): string => (Math.round(value * 10) / 10).toLocaleString("en-US")

function textOf(state: SharedQuotaState): string {
  const { name, tag, gateMs, ramping, refused, started, episodes, places, running, members, lost, limits, differs } =
    state
  const gate = gateMs > 0 ? `closed for ${formatDuration(gateMs)}` : ramping ? "ramping" : "open"
  const table = plainTable(["limit", "per", "kind", "in force", "told", "set", "found", "level"])
  for (const { name: limit, windowMs, kind, used, told, set, found, level } of limits) {
    const numbers = [used, told, set, found, level].map((value) => (value === undefined ? "" : round(value)))
    table.push([printable(limit), kind === "total" ? "" : formatDuration(windowMs), printable(kind), ...numbers])
  }
  const apart = limits.flatMap(({ name: limit, earlyMs }) =>
    earlyMs === undefined
      ? []
      : [`${printable(limit)}: calls are kept ${round(earlyMs)} ms further apart, as some arrived too early`],
  )
  const people = plainTable(["process", "places", "dated", "waiting", "for", "silent", ""])
  for (const { id, places: held, tickets, waiting, waitsFor, silentMs, learns } of members)
    people.push([
      printable(id),
      held,
      tickets,
      waiting,
      waiting > 0 ? printable(waitsFor ?? "") : "",
      formatDuration(silentMs),
      learns ? "learns" : "",
    ])
  const reasons = state.waiting.map(({ reason, calls }) => `${round(calls)} for ${printable(reason)}`)
  return [
    `${printable(name)} (${printable(tag)}): gate ${gate}, ${round(started)} started, ${round(refused)} refused in ${round(episodes)} bursts`,
    `places: ${running} of ${places < 0 ? "any number" : places}${lost > 0 ? `; ${lost} lost processes, whose share waits for them` : ""}`,
    ...(differs === undefined ? [] : [`processes tell different numbers for ${printable(differs)}: the lowest counts`]),
    ...(reasons.length > 0 ? [`waiting: ${reasons.join(", ")}`] : []),
    ...(limits.length > 0 ? [table.toString()] : []),
    ...apart,
    people.toString(),
    "",
  ].join("\n")
}
