import type { Clock } from "@sluice/core"
import {
  amount,
  anything,
  be,
  between,
  callable,
  checkOptions,
  clock,
  count,
  fields,
  invalidOption,
  isLoopback,
  listOf,
  oneOf,
  type Shape,
  text,
} from "@sluice/core/internal"
import { answerCheck, type AnswerRequest, type AnswerSource } from "../answers/answer.ts"
import type { VendorOptions } from "../vendor/options.ts"
import { vendorChecks } from "../vendor/vendor-checks.ts"

/** A vendor over HTTP: the simulated vendor's own options, and how it listens and answers. */
export interface ServerOptions extends VendorOptions {
  /** Default `{ text: "OK." }`. */
  readonly answer?: AnswerSource
  /** What a call is known by: it decides its latency and faults, and what counts as a repeat. Default: the SHA-1 of its body. */
  readonly identify?: (request: AnswerRequest) => string
  /** Default 0: any free port. */
  readonly port?: number
  /** Default `"127.0.0.1"`. Any other address makes a server without passwords reachable by others; say so with `exposed`. */
  readonly host?: string
  /** Must be `"to the network"` when `host` is not a loopback address. */
  readonly exposed?: "to the network"
  /** Larger bodies get 413. Default 16 MiB. */
  readonly maxBodyBytes?: number
  /** Uploads and batches beyond so many bytes get 413 until some are deleted. Default 256 MiB. */
  readonly maxKeptBytes?: number
  /** Keys that are let in; others, and calls without one, get 401. Default: everybody. */
  readonly apiKeys?: readonly string[]
  /** The code of billing refusals, e.g. `organization_spend_limit_exceeded`. Default: the usual one of each vendor. */
  readonly billingCode?: string
  /** What `GET /v1/models` lists; every name is served all the same. Default `["lab-small", "lab-large"]`. */
  readonly models?: readonly string[]
  readonly batch?: BatchJobOptions
  /** Default the machine's clock. */
  readonly clock?: Clock
}

/** How batch jobs go. */
export interface BatchJobOptions {
  /** Time in `validating`. Default 200. */
  readonly validatingMs?: number
  /** Time in progress for the whole job. Default 500. */
  readonly processingMs?: number
  /** Time in `finalizing`. Default 200. */
  readonly finalizingMs?: number
  /** Share of requests that end in the error file, 0–1, drawn by `custom_id`. Default 0. */
  readonly errorRate?: number
  /** A job that is not done by then expires: the part that is done is returned, and charged. Default: never. */
  readonly expireAfterMs?: number
  /** Enqueued input tokens beyond which a job fails after it was accepted (`token_limit_exceeded`). Default: none. */
  readonly maxEnqueuedTokens?: number
}

const batchChecks: Shape<BatchJobOptions> = {
  validatingMs: amount,
  processingMs: amount,
  finalizingMs: amount,
  errorRate: between(0, 1),
  expireAfterMs: amount,
  maxEnqueuedTokens: amount,
}

const serverChecks: Shape<ServerOptions> = {
  port: be(
    "a port, from 0 to 65535",
    (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) < 65_536,
  ),
  host: text,
  exposed: oneOf("to the network"),
  maxBodyBytes: count(),
  maxKeptBytes: count(),
  apiKeys: listOf(anything),
  billingCode: text,
  models: listOf(text),
  identify: callable,
  clock,
  answer: answerCheck,
  batch: fields(batchChecks),
  ...vendorChecks,
}

/** @throws SluiceError `invalid-option` */
export function checkServerOptions(options: ServerOptions): void {
  checkOptions("startVendor", options, serverChecks)
  const { host = "127.0.0.1", exposed } = options
  if (isLoopback(host) || exposed !== undefined) return
  const wanted = 'a loopback address: the server has no passwords. Say exposed: "to the network" if that is meant'
  throw invalidOption("startVendor", "host", wanted, host)
}
