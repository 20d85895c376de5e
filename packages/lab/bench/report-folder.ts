import path from "node:path"

/** Where a benchmark writes what it found: `docs/benchmarks`, unless told otherwise. */
export function reportFolder(out: string | undefined): string {
  return out ?? path.resolve(import.meta.dirname, "../../../docs/benchmarks")
}
