const loopback = /^(?:127\.\d+\.\d+\.\d+|::1|localhost)$/

/**
 * Whether a host, with or without a port, is a name or an address by which a machine reaches itself and nobody else does. A web page that
 * had its own name resolve to this machine gives itself away by it.
 */
export function isLoopback(host: string): boolean {
  const name = host === "::1" ? host : host.replace(/:\d*$/, "").replace(/^\[(.*)\]$/, "$1")
  return loopback.test(name.toLowerCase())
}

/** Whether a request's `Origin` is the server that it came to, by its `Host`. */
export function isSameOrigin(origin: string, host: string): boolean {
  return /^https?:\/\/([^/]+)$/.exec(origin)?.[1]?.toLowerCase() === host.toLowerCase()
}
