/** Why a request is not sent, or not sent on, by our own decision: asking again changes nothing. */
export class RefusedHere extends Error {
  readonly code: "redirected" | "invalid-request"

  constructor(code: RefusedHere["code"], message: string) {
    super(message)
    this.name = "RefusedHere"
    this.code = code
  }
}
