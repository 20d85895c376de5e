import type { PageState } from "../src/wire.ts"

const whole = new Intl.NumberFormat("en")

/** `1,234`. */
export function count(value: number): string {
  return whole.format(Math.round(value))
}

/** `1 item`, `1,234 items`. */
export function items(value: number): string {
  return `${count(value)} item${value === 1 ? "" : "s"}`
}

/** `950`, `12.4k`, `1.2M`. */
export function short(value: number): string {
  const size = Math.abs(value)
  if (size < 10_000) return count(value)
  if (size < 999_500) return `${Number((value / 1_000).toPrecision(3))}k`
  return `${Number((value / 1_000_000).toPrecision(3))}M`
}

/** `850 ms`, `1.2 s`, `34 s`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`
  return clock(ms)
}

/** `0:07`, `12:34`, `1:02:03`. */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000))
  const two = (value: number): string => String(value).padStart(2, "0")
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60]
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`
}

/** `about 12 min`: no more digits than are known. */
export function about(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1_000))
  if (seconds < 90) return `${seconds} s`
  const minutes = seconds / 60
  if (minutes < 90) return `${Math.round(minutes)} min`
  const hours = minutes / 60
  return hours < 36 ? `${Number(hours.toFixed(hours < 10 ? 1 : 0))} h` : `${Math.round(hours / 24)} days`
}

/** `5 min to 8 min`; nothing where words cannot tell the two apart. */
export function range(lowMs: number, highMs: number): string | undefined {
  const [low, high] = [about(lowMs), about(highMs)]
  return low === high ? undefined : `${low} to ${high}`
}

const wholeCents = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })
const twoDigits = new Intl.NumberFormat("en", { minimumSignificantDigits: 2, maximumSignificantDigits: 2 })

/** `$1,250.00`, `$0.1234`; `$0.000057` of what is less than a cent. */
export function dollars(usd: number): string {
  if (usd >= 1 || usd <= 0) return `$${wholeCents.format(usd)}`
  return `$${usd < 0.01 ? twoDigits.format(usd) : usd.toFixed(4)}`
}

/** Whether nothing of the run goes on. */
export function isOver({ status }: Pick<PageState, "status">): boolean {
  return status !== "running" && status !== "paused" && status !== "draining"
}

/** `vendor/account/model` as people say it; the account, a digest of its key, only where several have the same model. */
export function quotaWords(name: string, all: readonly { readonly name: string }[]): string {
  const parts = (of: string): RegExpExecArray | null => /^([^/]+)\/([0-9a-f]{12})\/(.+)$/.exec(of)
  const [, vendor, account, model] = parts(name) ?? []
  if (vendor === undefined || account === undefined || model === undefined) return name
  const likes = all.map((each) => parts(each.name)).filter((each) => each?.[1] === vendor && each[3] === model)
  const words = `${vendor}, ${model === "*" ? "all models" : model}`
  return likes.length > 1 ? `${words}, account ${account.slice(0, 6)}` : words
}

/** Whether `longer` has in whole what stands here, perhaps cut. */
export function isSaid(text: string | undefined, longer: string | undefined): boolean {
  return text !== undefined && longer !== undefined && longer.includes(text.replace(/…$/, ""))
}
