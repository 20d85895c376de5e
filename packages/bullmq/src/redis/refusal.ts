/** What Redis says where it takes nothing for now: in trouble, or until somebody changes a right or a password. */
const refusals =
  /\b(?:OOM|READONLY|MISCONF|NOREPLICAS|LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|NOPERM|NOAUTH|WRONGPASS|ACL failure|can't run this command|max number of clients)\b/
/** What a client says that is not connected. */
const cuts = /\b(?:Connection is closed|max retries per request|ECONN[A-Z]+|EPIPE|ETIMEDOUT)\b/

/** Redis's words, if it takes nothing for now. */
export function refusalOf({ message }: Error): string | undefined {
  return refusals.test(message) ? message.slice(0, 200) : undefined
}

/** What failed so is taken later, as it is. */
export function isPassing(error: Error): boolean {
  return refusals.test(error.message) || cuts.test(error.message)
}
