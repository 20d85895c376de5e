import { type Clock, SluiceError } from "@sluice/core"
import { startVendor, type ServerOptions, type VendorServer, type VendorLimits } from "@sluice/lab"
import { printableJson } from "../display/printable.ts"
import { exitCodes } from "../exit-codes.ts"
import type { LabOptions } from "./lab-options.ts"
import type { Terminal } from "../display/terminal.ts"
import { smallJson } from "../files/small-json.ts"
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
  terminal.stdout.write(`${printableJson(truth)}\n`)
  return exitCodes.done
}

async function start(options: LabOptions, { clock }: Terminal): Promise<VendorServer> {
  const { options: file, port, headers, fault, latencyMs, tokenMs, answer, seed } = options
  const given = file === undefined ? {} : await optionsIn(file, clock)
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
    if (SluiceError.isInstance(error))
      throw usageError(file === undefined ? error.message : `${file}: ${error.message}`)
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

async function optionsIn(file: string, clock: Clock): Promise<ServerOptions> {
  const value = await smallJson(file, { what: `--options ${file}`, clock })
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value
  throw usageError(`--options ${file}: wanted a JSON object with options of startVendor.`)
}
