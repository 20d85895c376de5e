import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import type { Clock, Lane } from "@sluice/core"
import { limitedFetch, type Prices } from "@sluice/providers"
import type { QuotaOptions } from "@sluice/scheduler"
import { z } from "zod"
import { checkProgram } from "../files/check-program.ts"
import { smallJson } from "../files/small-json.ts"
import { usageError } from "../usage-error.ts"

/** `sluice.config.ts` (default export), `.js`, `.mjs` or `.json`. */
export interface SluiceConfig {
  /** The model where `--model` is not given. */
  readonly model?: string | undefined
  /** Names of your own: `{ fast: "openai:gpt-5-mini" }`. */
  readonly models?: Readonly<Record<string, string>> | undefined
  /** Limits by model or pattern, as `limitedFetch` takes them. */
  readonly limits?: Readonly<Record<string, QuotaOptions>> | undefined
  /** US dollars per million tokens, by model or pattern. */
  readonly prices?: Prices | undefined
  /** Which way the calls go where `--lane` is not given. Default `"online"`. */
  readonly lane?: Lane | undefined
}

const dollars = z.number().nonnegative()
const schema = z.strictObject({
  model: z.string().optional(),
  models: z.record(z.string(), z.string()).optional(),
  limits: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
  prices: z
    .record(
      z.string(),
      z.strictObject({
        input: dollars,
        output: dollars,
        cachedInput: dollars.optional(),
        cacheWrite: dollars.optional(),
      }),
    )
    .optional(),
  lane: z
    .union([z.enum(["online", "batch"]), z.strictObject({ deadlineMs: z.number().positive() })], {
      error: 'wanted "online", "batch" or { deadlineMs }',
    })
    .optional(),
})

const names = ["sluice.config.ts", "sluice.config.js", "sluice.config.mjs", "sluice.config.json"]

/** Reads the named file, or the one in the working folder, or answers an empty configuration. */
export async function loadConfig(named: string | undefined, clock: Clock): Promise<SluiceConfig> {
  const path = named ?? names.find((name) => existsSync(name))
  if (path === undefined) return {}
  if (!existsSync(path)) throw usageError(`--config ${path}: no such file.`)
  const parsed = schema.safeParse(await read(path, clock))
  if (parsed.success) {
    const config = parsed.data as SluiceConfig
    await checkLimits(config, path)
    return config
  }
  const [issue] = parsed.error.issues
  throw usageError(`${path}: ${issue?.path.join(".") || "the file"}: ${issue?.message ?? "does not fit"}.`)
}

async function read(path: string, clock: Clock): Promise<unknown> {
  if (path.endsWith(".json")) return smallJson(path, { clock })
  checkProgram(path, path)
  try {
    const exported = (await import(pathToFileURL(resolve(path)).href)) as { default?: unknown }
    if (exported.default === undefined)
      throw new Error('there is no default export; write `export default { model: "…" }`')
    return exported.default
  } catch (error) {
    throw usageError(`${path}: cannot be read (${(error as Error).message}).`)
  }
}

/** In the words of the quotas that they are for. */
async function checkLimits({ limits }: SluiceConfig, path: string): Promise<void> {
  if (!limits) return
  for (const [model, own] of Object.entries(limits)) {
    for (const [name, limit] of Object.entries(own)) {
      if (/Per[A-Z][a-z]+$/.test(name) && typeof limit === "number" && limit < 1)
        throw usageError(
          `${path}: limits: ${model}: ${name}: ${limit} is less than one, so nothing could ever be sent. Wanted 1 or more, or { limit: ${limit}, kind: "bucket", burst: 1 } for one now and then.`,
        )
    }
  }
  try {
    await limitedFetch({ limits }).close()
  } catch (error) {
    throw usageError(`${path}: ${(error as Error).message.replace("limitedFetch: ", "")}.`)
  }
}
