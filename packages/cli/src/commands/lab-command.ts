import { readFileSync } from "node:fs"
import { startVendor, type ServerOptions, type Vendor, type VendorLimits } from "@sluice/lab"
import { exitCodes } from "../exit-codes.ts"
import type { LabOptions } from "./lab-options.ts"
import type { Terminal } from "../display/terminal.ts"
import { usageError } from "../usage-error.ts"

/** `sluice lab`: a simulated vendor until Ctrl-C; then what it saw. */
export async function labCommand(options: LabOptions, terminal: Terminal): Promise<number> {
  const vendor = await start(options, terminal)
  terminal.stdout.write(`${vendor.url}\n`)
  terminal.stderr.write(
    `A simulated vendor listens. Use it from another terminal:\n  sluice run … --model openai-compatible:lab --base-url ${vendor.url}/v1\nWatch it at ${vendor.url}/lab. Ctrl-C ends it and shows what it saw.\n`,
  )
  await new Promise<void>((resolve) => {
    const stop = terminal.onInterrupt(() => {
      stop()
      resolve()
    })
  })
  const truth = vendor.stats()
  await vendor.stop()
  terminal.stdout.write(`${JSON.stringify(truth)}\n`)
  return exitCodes.done
}

async function start(options: LabOptions, { clock }: Terminal): Promise<Vendor> {
  const { options: file, port, headers, fault, latencyMs, tokenMs, answer, seed } = options
  const given = file === undefined ? {} : optionsIn(file)
  const latency = defined({ baseMs: latencyMs, perOutputTokenMs: tokenMs })
  try {
    return await startVendor({
      answer: "extractive",
      ...given,
      ...defined({ port, headers, answer, seed }),
      limits: { ...given.limits, ...limitsIn(options) },
      faults: { ...given.faults, ...(fault && { rates: { ...given.faults?.rates, ...fault } }) },
      latency: { ...given.latency, ...latency },
      clock,
    })
  } catch (error) {
    if (error instanceof TypeError) throw usageError(file === undefined ? error.message : `${file}: ${error.message}`)
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE")
      throw usageError(`--port ${port}: somebody listens there.`)
    throw error
  }
}

function limitsIn({ rpm, tpm, itpm, otpm, rpd, window, concurrency }: LabOptions): VendorLimits {
  const perMinute = (limit: number | undefined): VendorLimits["requests"] =>
    limit === undefined || window === undefined ? limit : { limit, model: window }
  return defined({
    requests: perMinute(rpm),
    tokens: perMinute(tpm),
    inputTokens: perMinute(itpm),
    outputTokens: perMinute(otpm),
    requestsPerDay: rpd,
    concurrency,
  })
}

function defined<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never
}

function optionsIn(file: string): ServerOptions {
  try {
    const value: unknown = JSON.parse(readFileSync(file, "utf8"))
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value
  } catch (error) {
    throw usageError(`--options ${file}: cannot be read (${(error as Error).message}).`)
  }
  throw usageError(`--options ${file}: wanted a JSON object with options of startVendor.`)
}
