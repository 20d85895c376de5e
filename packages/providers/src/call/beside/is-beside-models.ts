import { vendors } from "../../vendors/find-vendor.ts"

/** What vendors have beside their models, after the version in the path. */
const resources = new Set([
  "assistants",
  "batches",
  "cachedContents",
  "containers",
  "conversations",
  "count_tokens",
  "evals",
  "files",
  "fine_tuning",
  "fine-tunes",
  "input_tokens",
  "models",
  "operations",
  "responses",
  "threads",
  "tokenize",
  "uploads",
  "vector_stores",
  "videos",
])
const version = /^v\d{1,2}(?:alpha|beta)?\d{0,2}$/

/** Whether a request goes to a vendor's API without asking a model: by host, else by the shape of the path. */
export function isBesideModels({ hostname, pathname }: URL): boolean {
  if (vendors.some((vendor) => vendor.hosts(hostname))) return true
  const parts = pathname.split("/")
  const api = parts.findIndex((part) => version.test(part))
  return api >= 0 && parts.slice(api + 1).some((part) => resources.has(part.split(":")[0]!))
}
