import { SluiceError } from "@sluice/core"
import { nearest } from "@sluice/core/internal"
import { type FetchInput, headerReader, methodOf } from "../http/request.ts"
import type { LimitedFetchOptions } from "../options.ts"
import { findVendor, type FoundCall, vendors } from "../vendors/find-vendor.ts"
import { openaiCompatible } from "../vendors/openai-compatible.ts"
import type { Vendor } from "../vendors/vendor.ts"

/** The model call that a request is, or `undefined`: it passes through. */
export type Recognise = (url: URL, input: FetchInput, init: RequestInit | undefined) => FoundCall | undefined

/** What an API has beside its models: files, batches, counts of tokens, log-ins. */
const noModel =
  /\/(?:files|uploads|batches|vector_stores|fine_tuning|containers|conversations|models|oauth2?|token)(?:\/|$)|count_?-?tokens|input_tokens$/i

/**
 * How `limitedFetch` knows a model call. A vendor given by its name is taken at its word: a POST to a path that it does not
 * know is a call of it too. `everything`: so is every POST to whomever.
 *
 * @throws SluiceError `unknown-vendor`
 */
export function recogniser({
  vendor,
  everything = false,
}: Pick<LimitedFetchOptions, "vendor" | "everything">): Recognise {
  const told = typeof vendor === "string" ? vendorNamed(vendor) : vendor
  const isNamed = typeof vendor === "string"
  // What is limited only because the user says so may answer whatever it likes.
  const anything: Vendor = { ...(told ?? openaiCompatible), takesAnything: true }
  return (url, input, init) => {
    const method = methodOf(input, init)
    if (method !== "POST") return undefined
    const header = headerReader(input, init)
    const call = told?.recognise(url, method, header)
    if (told && call) return { vendor: told, call }
    const found = told ? undefined : findVendor(url, method, header)
    if (found) return found
    if (!everything && !(isNamed && !noModel.test(url.pathname))) return undefined
    return { vendor: anything, call: { endpoint: url.pathname.slice(url.pathname.lastIndexOf("/") + 1) } }
  }
}

/** A POST that may well be a model call, for all that its path says. */
export function mayBeModelCall(url: URL, input: FetchInput, init: RequestInit | undefined): boolean {
  return methodOf(input, init) === "POST" && !noModel.test(url.pathname)
}

function vendorNamed(name: string): Vendor {
  const found = vendors.find((vendor) => vendor.name === name)
  if (found) return found
  const known = vendors.map((vendor) => vendor.name)
  throw new SluiceError(
    "unknown-vendor",
    `limitedFetch: no vendor is called "${name}".${nearest(name, known)} Known: ${known.join(", ")}; or pass a Vendor of your own.`,
    { details: { name } },
  )
}
