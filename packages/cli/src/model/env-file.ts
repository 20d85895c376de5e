import { dirname, join } from "node:path"
import { parseEnv } from "node:util"
import type { Terminal } from "../display/terminal.ts"
import { smallText } from "../files/small-text.ts"
import { keyNames } from "./model-name.ts"

/**
 * Adds the keys of `.env` beside the configuration, or in the working folder, to `env`; one that is there stays. Nothing but
 * keys is read: a folder of somebody else must not say where yours are sent.
 */
export async function addKeysOf({ env, clock }: Terminal, config: string | undefined): Promise<void> {
  const file = join(config === undefined ? "." : dirname(config), ".env")
  // Without one, and where it is a folder, the environment is all there is.
  const read: Readonly<Record<string, string | undefined>> = parseEnv(await smallText(file, { clock, absent: "" }))
  for (const name of Object.values(keyNames)) env[name] ??= read[name]
}
