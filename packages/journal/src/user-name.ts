import { userInfo } from "node:os"

/** Who runs this process, for what is noted of people's doings. */
export function userName(): string {
  try {
    return userInfo().username
  } catch {
    // A user without a name, as in some containers.
    return "somebody"
  }
}
