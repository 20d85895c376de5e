import { startVendor, type VendorLimits } from "@sluice/lab"
import { exitCodes } from "./exit-codes.ts"
import type { Terminal } from "./terminal.ts"

export interface LabOptions {
  readonly port: number
  readonly rpm?: number
  readonly tpm?: number
  readonly concurrency?: number
  readonly latencyMs: number
  readonly tokenMs: number
  readonly answer: "extractive" | "echo"
  readonly seed: number
}

/** `sluice lab`: a simulated vendor until Ctrl-C; then what it saw. */
export async function labCommand(options: LabOptions, terminal: Terminal): Promise<number> {
  const limits: VendorLimits = {
    ...(options.rpm !== undefined && { requests: options.rpm }),
    ...(options.tpm !== undefined && { tokens: options.tpm }),
    ...(options.concurrency !== undefined && { concurrency: options.concurrency }),
  }
  const vendor = await startVendor({
    port: options.port,
    limits,
    latency: { baseMs: options.latencyMs, perOutputTokenMs: options.tokenMs },
    answer: options.answer,
    seed: options.seed,
    clock: terminal.clock,
  })
  terminal.stdout.write(`${vendor.url}\n`)
  terminal.stderr.write(
    `A simulated vendor listens. Use it from another terminal:\n  sluice run … --model openai-compatible:lab --base-url ${vendor.url}/v1\nCtrl-C ends it and shows what it saw.\n`,
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
