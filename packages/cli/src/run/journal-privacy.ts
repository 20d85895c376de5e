import { statSync } from "node:fs"

/** Who else can read a journal, or has put it there; `undefined` when nobody can. Windows tells nothing of that kind. */
export function journalWarning(path: string): string | undefined {
  if (process.platform === "win32") return undefined
  const { mode, uid } = statSync(path)
  const others = (mode & 0o077).toString(8).padStart(2, "0")
  if (uid !== process.getuid?.()) {
    return `${path} belongs to another user (${uid}), who can read and change the prompts and answers in it.`
  }
  if (others === "00") return undefined
  return `${path} can be opened by others (mode ${(mode & 0o777).toString(8)}); prompts and answers are in it in the clear. To keep them to yourself: chmod 600 ${path}`
}
