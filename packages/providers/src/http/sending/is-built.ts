/** Whether the platform makes this object at all: it throws for a header or a request that can never be sent. */
export function isBuilt(build: () => unknown): boolean {
  try {
    build()
    return true
  } catch {
    return false
  }
}
