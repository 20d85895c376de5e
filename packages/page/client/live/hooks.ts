import { useEffect, useState } from "preact/hooks"
import { type Live, live } from "./connection.ts"
import { useStore } from "./store.ts"

/** What is known of the run now. */
export function useLive(): Live {
  return useStore(live)
}

/** The part of the address behind `#`. */
export function useHash(): string {
  const [hash, setHash] = useState(location.hash)
  useEffect(() => {
    const changed = (): void => setHash(location.hash)
    addEventListener("hashchange", changed)
    return () => removeEventListener("hashchange", changed)
  }, [])
  return hash
}
