/** The rights of docs/scale-out.md. */
const rights = "~sluice:1:* &sluice:1:* +@scripting +@read +@write +@stream +@pubsub -@dangerous +time +ping +info"
/** What a server in trouble says too; that passes by itself. */
const passing = ["OOM", "READONLY", "MISCONF", "NOREPLICAS", "max number of clients"]

/** What is to be done about what Redis said, where it is there and says no: that stays so until somebody changes something. */
export function refusalOf(said: string | undefined): string | undefined {
  if (said === undefined || passing.some((word) => said.includes(word))) return undefined
  if (/NOPERM|ACL failure|The user executing the script can.t/.test(said))
    return `Its user of Redis needs these rights (docs/scale-out.md, Security): ${rights}`
  if (said.includes("WRONGPASS") || said.includes("NOAUTH"))
    return "Tell this process the user and password that Redis knows by now"
  if (said.includes("WRONGTYPE")) return "Another program writes to the keys sluice:1:*, which are its own: find it"
  if (said.startsWith("ERR "))
    return "It wants Redis 6.2 or later, or Valkey 7.2 or later; with one of these, this is a fault of @sluice/redis: please tell us"
  return undefined
}
