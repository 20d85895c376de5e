import { z } from "zod"
import type { Clock } from "@sluice/core"
import { isLoopback } from "@sluice/core/internal"
import type { AnswerRequest, AnswerSource } from "../answers/answer.ts"
import { checkOptions, strict } from "../check-options.ts"
import type { VendorOptions } from "../vendor/options.ts"
import { vendorShape } from "../vendor/options-schema.ts"

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

/** The fields of `ServerOptions`, each strict about what is in it. */
export const serverShape: Readonly<Record<keyof ServerOptions, z.ZodType>> = {
  port: z.int().min(0).max(65_535).optional(),
  host: z.string().min(1).optional(),
  exposed: z.literal("to the network").optional(),
  maxBodyBytes: z.int().min(1).optional(),
  maxKeptBytes: z.int().min(1).optional(),
  apiKeys: z.array(z.string()).optional(),
  billingCode: z.string().min(1).optional(),
  models: z.array(z.string().min(1)).optional(),
  identify: z.custom((value) => typeof value === "function").optional(),
  clock: z.custom((value) => typeof value === "object" && value !== null).optional(),
  answer: z
    .union([
      z.enum(["echo", "extractive"]),
      strict({ text: z.string() }),
      strict({ tokens: z.int().min(1) }),
      z.custom((value) => typeof value === "function"),
    ])
    .optional(),
  batch: strict({
    validatingMs: z.number().min(0).optional(),
    processingMs: z.number().min(0).optional(),
    finalizingMs: z.number().min(0).optional(),
    errorRate: z.number().min(0).max(1).optional(),
    expireAfterMs: z.number().min(0).optional(),
    maxEnqueuedTokens: z.number().min(0).optional(),
  }).optional(),
  ...vendorShape,
}

const checked = strict(serverShape).refine(
  ({ host = "127.0.0.1", exposed }) => isLoopback(host as string) || exposed !== undefined,
  {
    path: ["host"],
    message: 'is not a loopback address: the server has no passwords. Say exposed: "to the network" if that is meant',
  },
)

/** Throws a TypeError that names path, wanted and got. */
export function checkServerOptions(options: ServerOptions): void {
  checkOptions(checked, "startVendor", options)
}
