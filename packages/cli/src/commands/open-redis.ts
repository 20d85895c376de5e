import type { Redis } from "ioredis"
import { unlessLate } from "@sluice/core/internal"
import { systemClock } from "@sluice/scheduler"
import { usageError } from "../usage-error.ts"

/** A server that stands still lets everybody connect, and says nothing. */
const silenceMs = 5_000

/** A connection to the Redis at `url`. @throws usage error when the client is not installed, or nobody answers. */
export async function openRedis(url: string): Promise<Redis> {
  const { Redis } = await import("ioredis").catch(() => {
    throw usageError("--redis needs the package ioredis beside @sluice/cli: npm install ioredis")
  })
  checkAddress(url)
  let redis: Redis | undefined
  let trouble: unknown
  try {
    redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 })
    redis.on("error", (error) => (trouble = error))
    const late = (): Error => new Error(`nothing came for ${silenceMs / 1_000} s`)
    await unlessLate(systemClock, silenceMs, redis.connect(), late)
  } catch (error) {
    redis?.disconnect()
    const { message } = (trouble ?? error) as Error
    if (/^(?:WRONGPASS|NOAUTH) /.test(message))
      throw usageError(
        `Redis at ${withoutPassword(url)} refuses the user and password: ${message.replace(/\.$/, "")}. They stand in the address, as in redis://USER:PASSWORD@HOST:PORT, with %-codes for what is no letter or digit.`,
      )
    throw usageError(`No Redis answers at ${withoutPassword(url)}: ${whyNot(trouble ?? error, url)}`)
  }
  // Else it would go on in database 0, with what is others'.
  if (trouble instanceof Error && trouble.message.includes("DB index")) {
    redis.disconnect()
    throw usageError(
      `Redis has no database ${redis.options.db} at ${withoutPassword(url)}: ${trouble.message.replace(/\.$/, "")}.`,
    )
  }
  // From here on a connection that breaks comes back.
  redis.options.retryStrategy = (attempt) => Math.min(200, 20 * attempt)
  return redis
}

/** What the client would take for something else, or end the process with. */
function checkAddress(url: string): void {
  const bare = withoutPassword(url)
  const scheme = /^(\w+):\/\//.exec(bare)?.[1]
  if (scheme === undefined) return
  if (scheme !== "redis" && scheme !== "rediss")
    throw usageError(`--redis must be redis://HOST:PORT, or rediss://HOST:PORT with TLS (got "${bare}").`)
  const [, database = ""] = /^\w+:\/\/[^/?]*([^?]*)/.exec(bare)!
  if (!/^\/?\d*$/.test(database))
    throw usageError(
      `--redis must end with the number of a database, as in redis://HOST:PORT/3, or with none (got "${database}").`,
    )
}

function withoutPassword(url: string): string {
  // A password may hold a slash or an @ of its own.
  return url.replace(/\/\/.*@/, "//")
}

/** What the system says, and what to do about it. */
function whyNot(error: unknown, url: string): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  const { message, code = "" } = first as { message: string; code?: string }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return `its certificate is another host's (${message}). Use the name that it was made for.`
  if (/CERT|LEAF_SIGNATURE/.test(code))
    return `its certificate is not trusted (${message}). Start this with NODE_EXTRA_CA_CERTS=FILE, the certificate of the authority that has signed it.`
  if (code === "ERR_SSL_WRONG_VERSION_NUMBER" || code === "ERR_SSL_PACKET_LENGTH_TOO_LONG")
    return "it speaks no TLS there. Use redis:// instead of rediss://, or its TLS port."
  if (code === "ECONNRESET" || message === "Connection is closed.")
    return `it closed the connection. ${url.startsWith("rediss:") ? "Is that its TLS port?" : "Does it want TLS (rediss://)?"}`
  // One that speaks no TLS may wait for the end of what it takes for a command.
  return `${message}. Is it running, and is ${url.startsWith("rediss:") ? "that its TLS port" : "the address right"}?`
}
