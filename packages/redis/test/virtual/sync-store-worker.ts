import { parentPort, workerData } from "node:worker_threads"
import type { MessagePort } from "node:worker_threads"
import { Redis } from "ioredis"

interface Request {
  readonly eval?: readonly [string, number, ...string[]]
  readonly call?: readonly [string, ...(string | number)[]]
  readonly subscribe?: string
}

const { url, flag, port } = workerData as { url: string; flag: Int32Array; port: MessagePort }
const redis = new Redis(url)
const listener = new Redis(url)
redis.on("error", () => {})
listener.on("error", () => {})
let messages: (readonly [string, string])[] = []
listener.on("message", (channel, message) => messages.push([channel, message]))
let isListening = false

port.on("message", (request: Request) => {
  void answer(request).then(
    (value) => reply({ value }),
    (error: unknown) => reply({ error: String(error) }),
  )
})
await Promise.all([redis.ping(), listener.ping()])
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, no window
parentPort!.postMessage("ready")

async function answer(request: Request): Promise<unknown> {
  if (request.subscribe !== undefined) {
    isListening = true
    return listener.subscribe(request.subscribe)
  }
  const value = request.eval
    ? await redis.eval(request.eval[0], request.eval[1], ...(request.eval.slice(2) as string[]))
    : await redis.call(request.call![0], ...(request.call!.slice(1) as string[]))
  // Whatever was published by then has arrived.
  if (isListening) await listener.ping()
  return value
}

function reply(content: object): void {
  port.postMessage({ ...content, messages })
  messages = []
  Atomics.store(flag, 0, 1)
  Atomics.notify(flag, 0)
}
