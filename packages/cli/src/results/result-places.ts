import { closeSync, lstatSync, openSync, realpathSync, rmSync, type Stats, statSync } from "node:fs"
import { dirname, resolve } from "node:path"
import type { SqliteRunJournal } from "@sluice/journal"
import { z } from "zod"
import { usageError } from "../usage-error.ts"
import { beginsAs, type FileMark, fileMark } from "./file-mark.ts"
import { tableKindOf } from "./result-kind.ts"

/** Where the results of a run go. */
export interface ResultPlaces {
  /** `"-"` is standard output. */
  readonly out: string
  readonly failed: string
}

/**
 * Failures stand beside the results; beside the journal where those go to standard output; in a file of this command alone where there is
 * neither. The lines of a table stand beside it too: they are what can be gone on with.
 */
export function placesOf(out: string, journalPath: string | undefined, isTable: boolean): ResultPlaces {
  if (out === "-") return { out, failed: journalPath === undefined ? newFailures() : `${journalPath}.failed.jsonl` }
  return { out: isTable ? `${out}.jsonl` : out, failed: `${out}.failed.jsonl` }
}

/** Made here and now, empty: `sluice.failed.jsonl`, or the next name that no earlier command and none beside this one has. */
function newFailures(): string {
  for (let at = 1; ; at++) {
    const name = at === 1 ? "sluice.failed.jsonl" : `sluice.${at}.failed.jsonl`
    try {
      closeSync(openSync(name, "wx", 0o600))
      return name
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (code !== "EEXIST") throw usageError(`Cannot write ${name}, for inputs that fail: ${message}.`)
    }
  }
}

/** No failures, no file of failures. */
export function removeIfEmpty(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.size === 0) rmSync(path)
}

/** Every file that a command writes or may write, whatever there is already. */
export function ownFiles({
  out = "-",
  formatOut,
  journal,
}: {
  readonly out?: string
  readonly formatOut?: string
  readonly journal?: string | false
}): string[] {
  const path = typeof journal === "string" ? journal : out === "-" ? undefined : `${out}.journal`
  const lines = tableKindOf(out, formatOut) === undefined ? [] : [`${out}.jsonl`]
  const results = out === "-" ? [] : [out, ...lines, `${out}.failed.jsonl`]
  const journals = path === undefined ? [] : ["", "-wal", "-shm"].map((suffix) => `${path}${suffix}`)
  return [...results.flatMap((place) => [place, besideOf(place)]), ...journals]
}

const note = "results"

/** How far the result files are, as the journal keeps it: what they are known by, and where a killed run goes on. */
export interface ResultPosition extends ResultPlaces {
  /** In input order: the first item that is not in them. */
  readonly next: number
  readonly lines: number
  /** `undefined` in journals of before: their files are written anew. */
  readonly outMark?: FileMark | undefined
  readonly failedMark?: FileMark | undefined
  /** The name of their lines' form. */
  readonly fields: string
  /** New files are being written beside: what this says of those that are there need not be true any more. */
  readonly rewriting: boolean
}

const position: z.ZodType<ResultPosition> = z.object({
  out: z.string(),
  failed: z.string(),
  next: z.number().int(),
  lines: z.number().int(),
  outMark: fileMark.optional(),
  failedMark: fileMark.optional(),
  fields: z.string(),
  rewriting: z.boolean(),
})

/** The position on record; `undefined` when the run has written nothing yet. */
export function positionOf(run: SqliteRunJournal): ResultPosition | undefined {
  const stored = position.safeParse(run.note(note))
  return stored.success ? stored.data : undefined
}

export async function putPosition(run: SqliteRunJournal, next: ResultPosition): Promise<void> {
  await run.putNote(note, next)
}

/** Where new files are written until they are whole. */
export function besideOf(path: string): string {
  return `${path}.partial`
}

/** Throws when a file that would be written or replaced is not this run's. Writes nothing. */
export function checkPlaces({ out, failed }: ResultPlaces, run: SqliteRunJournal): void {
  const before = positionOf(run)
  if (out !== "-") {
    const stat = statSync(out, { throwIfNoEntry: false })
    if (stat && !stat.isFile())
      throw usageError(`${out} is not a file. Choose another --out, or - for standard output.`)
    if (stat && stat.size > 0 && !isOurs(out, stat, before?.out, before?.outMark)) {
      throw usageError(
        `${out} exists and is not the result of a run recorded in its journal. Move it away, or choose another --out.`,
      )
    }
    checkBeside(besideOf(out), before?.rewriting ?? false)
  }
  checkFolder(failed, failed)
  const stat = checkLink(failed)
  if (stat && stat.size > 0 && !isOurs(failed, stat, before?.failed, before?.failedMark)) {
    throw usageError(`${failed} exists and holds no failures of this run. Move it away.`)
  }
  checkBeside(besideOf(failed), before?.rewriting ?? false)
}

/** `what` names the place to whoever chose it. */
export function checkFolder(what: string, path: string): void {
  const folder = dirname(path)
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return
  throw usageError(`Cannot write ${what}: there is no folder ${folder}. Create it first: mkdir -p ${folder}`)
}

/** By its place; or it was moved together with its journal, and nobody has changed it since. */
function isOurs(path: string, { size }: Stats, place: string | undefined, mark: FileMark | undefined): boolean {
  if (place === undefined) return false
  return realpathSync(path) === place || (mark?.bytes === size && beginsAs(path, mark) !== undefined)
}

/** Files that are not any more as this run wrote them: what somebody has changed there is lost where they are written anew. */
export function editedSince({ out, failed }: ResultPlaces, before: ResultPosition | undefined): string[] {
  if (!before || before.rewriting) return []
  const marks = [
    [out, before.outMark],
    [failed, before.failedMark],
  ] as const
  return marks.flatMap(([path, mark]) => {
    const isThere = path !== "-" && (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0
    return isThere && mark && !beginsAs(path, mark) ? [path] : []
  })
}

/** Throws when what lies where new files are written is not ours. */
export function checkBeside(path: string, isOurs: boolean): void {
  const stat = checkLink(path)
  if (stat && stat.size > 0 && !isOurs) throw usageError(`${path} exists and is not of this run. Move it away.`)
}

/** What nobody has named is not followed, wherever it leads. */
export function checkLink(path: string): Stats | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat?.isSymbolicLink()) throw usageError(`${path} is a link, which is not followed. Move it away.`)
  if (stat && !stat.isFile()) throw usageError(`${path} is not a file. Move it away.`)
  return stat
}

/** The place itself, once the file is there. */
export function realPlace(path: string): string {
  return path === "-" ? path : realpathSync(resolve(path))
}
