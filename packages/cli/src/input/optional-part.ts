import { usageError } from "../usage-error.ts"

/** Loads packages that are not installed with the command. Throws how to get them, where they are not there. */
export async function optionalPart<T>(names: readonly string[], neededFor: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error
    const install = names.join(" ")
    throw usageError(
      `${neededFor} needs ${names.join(" and ")} beside @sluice/cli: npm install ${install} (where the command was installed with -g: npm install -g ${install}).`,
    )
  }
}
