import { connect, createServer, type AddressInfo, type Socket } from "node:net"

/** A way to a server that is as long as a test wants it, and leads where a test wants it. */
export interface SlowProxy {
  readonly url: string
  /** Milliseconds added to each way. */
  delayMs: number
  /** Leads to another port from now on; who is connected has to connect anew. */
  leadTo(port: number): void
  /** The same, and whoever is connected stays so: what a name leads to has changed. */
  leadNewTo(port: number): void
  /** Every connection is dead from now on, and nobody is told; new ones work. */
  swallow(): void
  stop(): Promise<void>
}

export async function startProxy(port: number): Promise<SlowProxy> {
  let to = port
  const sockets = new Set<Socket>()
  let dead = new WeakSet<Socket>()
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  const proxy = { delayMs: 0 }
  const pass = (from: Socket, into: Socket): void => {
    sockets.add(from)
    from.setNoDelay(true)
    from.on("data", (data: Buffer) => {
      // Timers of one length fire in the order in which they were set.
      setTimeout(() => into.destroyed || dead.has(into) || into.write(data), proxy.delayMs)
    })
    from.on("error", () => {})
    from.on("close", () => {
      sockets.delete(from)
      into.destroy()
    })
  }
  const server = createServer((client) => {
    const target = connect(to, "127.0.0.1")
    pass(client, target)
    pass(target, client)
  }).listen(0, "127.0.0.1")
  await new Promise((resolve) => server.once("listening", resolve))
  return Object.assign(proxy, {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    leadTo(other: number) {
      to = other
      cut()
    },
    leadNewTo(other: number) {
      to = other
    },
    swallow() {
      dead = new WeakSet(sockets)
    },
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        cut()
      }),
  })
}
