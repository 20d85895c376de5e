import { fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import type { VendorTruth } from "@sluice/lab"

/** The simulated vendor, running beside the demo. */
export interface LabVendor {
  readonly url: string
  /** The vendor's own count. */
  readonly truth: () => Promise<VendorTruth>
  readonly close: () => void
}

/** A limit per minute and what of it stands ready before the first call. */
export interface LabLimit {
  readonly limit: number
  readonly burst: number
}

/** Starts the simulated vendor in its own process, with these limits. */
export async function startLabVendor(requests: LabLimit, tokens: LabLimit): Promise<LabVendor> {
  const script = fileURLToPath(new URL("./lab-process.ts", import.meta.url))
  const child = fork(script, [requests.limit, requests.burst, tokens.limit, tokens.burst].map(String))
  const gone = once(child, "exit").then(() => {
    throw new Error("the simulated vendor ended unexpectedly")
  })
  gone.catch(() => {})
  const message = async (): Promise<unknown> => (await Promise.race([once(child, "message"), gone]))[0]
  const { url } = (await message()) as { url: string }
  const ask = async (): Promise<VendorTruth> => {
    const answer = message()
    child.send("truth")
    return ((await answer) as { truth: VendorTruth }).truth
  }
  // One question after the other: the answers do not say which question they answer.
  let asked: Promise<unknown> = Promise.resolve()
  const truth = (): Promise<VendorTruth> => {
    const answer = asked.then(ask, ask)
    asked = answer
    return answer
  }
  return { url, truth, close: () => child.disconnect() }
}
