import { hashText } from "@sluice/core/internal"
import type { ModelCall, Vendor } from "../vendors/vendor.ts"

/** Whose call it is: the account that the vendor counts it to, and the credentials that it shows for it. */
export interface AccountLabels {
  readonly account: string
  /** Another one of the same account is another token: a renewed one, when the vendor refuses this. */
  readonly credential: string
  /** The account by a name that is the same in every process: for what processes share, never for what people see. */
  readonly identity: () => string
}

/** Where SDKs and gateways put what names an account, beside the places of each vendor. */
const headerNames = [
  "authorization",
  "x-api-key",
  "api-key",
  "x-goog-api-key",
  "x-goog-user-project",
  "openai-organization",
  "openai-project",
  "ocp-apim-subscription-key",
  "cf-aig-authorization",
  "x-portkey-api-key",
  "x-portkey-virtual-key",
  "helicone-auth",
  "x-vercel-ai-gateway-team",
]
const queryNames = new Set(["key", "api_key", "api-key", "apikey", "subscription-key", "access_token", "token"])

/**
 * Labels that tell accounts apart without keeping what tells them apart: of a hash of host, path before the API, and
 * credentials, wherever those stand, twelve digits are kept. The hash is salted by each process, so that a weak key cannot
 * be found from its label. Tokens that are renewed are one account: a JWT counts by issuer, subject and client, a token of
 * Google Cloud by the project that it calls, a signature of AWS by its key id.
 */
export function accountLabels(
  vendor: Vendor,
  call: ModelCall,
  url: URL,
  header: (name: string) => string | null,
): AccountLabels {
  const credentials = credentialsOf(vendor, url, header)
  const place = [url.host, pathBeforeApi(url.pathname, call.endpoint)]
  const account = [...place, ...credentials.map((each) => subjectOf(each, place[1]!))]
  return { account: label(account), credential: label(credentials), identity: () => hashText(account) }
}

/** What of a call the vendor may refuse apart from its account: its token, and its model. */
export type CallMarks = readonly [credential: string, model: string]

export function marksOf({ credential }: Pick<AccountLabels, "credential">, model: string): CallMarks {
  return [credential, `model ${model}`]
}

/** The values that name an account, wherever they stand, without `Bearer`. */
export function credentialsOf(vendor: Vendor, url: URL, header: (name: string) => string | null): string[] {
  const found: string[] = []
  for (const name of new Set([...headerNames, ...vendor.accountHeaders])) {
    const value = header(name)
    if (value) found.push(value.replace(/^Bearer\s+/i, "").trim())
  }
  if (url.search !== "")
    for (const [name, value] of url.searchParams) if (queryNames.has(name.toLowerCase())) found.push(value)
  return found
}

// Made at the first call: in workers there is no randomness before it.
let salt: string | undefined

function label(texts: readonly string[]): string {
  salt ??= crypto.getRandomValues(new Uint32Array(4)).join()
  return hashText([salt, ...texts]).slice(0, 12)
}

/** What is still the same when the token is renewed or the request signed anew. */
function subjectOf(credential: string, path: string): string {
  // Google's tokens say nothing; what it counts is the project and region of the path.
  if (credential.startsWith("ya29.") && path.includes("/projects/")) return ""
  const signed = /^AWS4-HMAC-SHA256 Credential=([^/]+)\//.exec(credential)
  if (signed) return signed[1]!
  if (!credential.startsWith("eyJ")) return credential
  const claims = claimsOf(credential)
  const { iss, sub, azp, appid, client_id: client } = claims ?? {}
  return sub === undefined ? credential : JSON.stringify([iss, sub, azp ?? appid ?? client])
}

function claimsOf(jwt: string): Readonly<Record<string, unknown>> | undefined {
  const payload = jwt.split(".", 3)[1]?.replaceAll("-", "+").replaceAll("_", "/")
  try {
    return payload === undefined ? undefined : (JSON.parse(atob(payload)) as Record<string, unknown>)
  } catch {
    return undefined
  }
}

const apiPart = /\/(?:(?:models?|deployments)(?:\/[^/]+)?|v\d+\w*|openai|api|ai|inference)$/

/** What stands before the part of the path that every call to this API has: a gateway's team, a cloud's project and region. */
function pathBeforeApi(path: string, endpoint: string): string {
  let prefix = path.endsWith(`/${endpoint}`)
    ? path.slice(0, -endpoint.length - 1)
    : path.slice(0, path.lastIndexOf("/"))
  for (let shorter = prefix.replace(apiPart, ""); shorter !== prefix; shorter = prefix.replace(apiPart, ""))
    prefix = shorter
  return prefix
}
