import type { LimitReading } from "@sluice/core"
import type { VendorRefusal } from "../../vendor/refusal.ts"

/** A whole HTTP answer. */
export interface HttpReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: object
}

/** What an error text may name. */
export interface VoiceContext {
  readonly model: string
  readonly requestId: string
  /** In place of the vendor's usual code of a billing refusal. */
  readonly billingCode: string | undefined
}

/** What a vendor says besides answers: headers, refusals, errors. Pure. */
export interface VendorVoice {
  /** Headers on every answer. */
  limitHeaders(limits: readonly LimitReading[], wallNowMs: number): Record<string, string>
  requestHeaders(requestId: string): Record<string, string>
  /** The no of the vendor's admission. */
  refuse(refusal: VendorRefusal, context: VoiceContext): HttpReply
  /** Our fault (5xx), or a request that makes no sense (4xx). `param` is the field at fault. */
  error(status: number, message: string, param: string | null, context: VoiceContext): HttpReply
}

const DAY_MS = 86_400_000

/** Totals of a day or more are spoken of apart from the others. */
export function isDaily({ windowMs = 60_000 }: LimitReading): boolean {
  return windowMs >= DAY_MS
}

/** The dimension of a refusal in the words of headers, without the day. */
export function dimensionOf(refusal: VendorRefusal): LimitReading["dimension"] {
  return (refusal.dimension ?? "requests").replace("PerDay", "") as LimitReading["dimension"]
}
