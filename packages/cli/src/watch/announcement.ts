import { lstatSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { z } from "zod"
import type { Env } from "../model/model-name.ts"

/** What a run tells the other commands of the same user on this machine. Nothing of its inputs and answers is in it. */
export interface Announcement {
  readonly pid: number
  readonly runId: string
  readonly title: string
  /** The whole path; absent where no journal is kept. */
  readonly journal?: string | undefined
  readonly startedAtMs: number
}

const announcement = z.object({
  pid: z.number().int().positive(),
  runId: z.string(),
  title: z.string(),
  journal: z.string().optional(),
  startedAtMs: z.number(),
})

let announced = 0

/** Says that a run is going on; the answer takes that back. Where it cannot be said, the run goes on all the same. */
export function announce(env: Env, told: Announcement): () => void {
  const folder = folderOf(env)
  const file = join(folder, `${told.pid}-${++announced}.json`)
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    if (!isOwn(folder)) return () => {}
    writeFileSync(file, JSON.stringify(told), { mode: 0o600, flag: "wx" })
  } catch {
    return () => {}
  }
  return () => {
    rmSync(file, { force: true })
    removeIfEmpty(folder)
  }
}

/** The runs of this user on this machine, the oldest first. What killed processes have left behind is taken away. */
export function announcements(env: Env): Announcement[] {
  const folder = folderOf(env)
  const told = filesIn(folder)
    .flatMap((name) => {
      const file = join(folder, name)
      const one = read(file)
      if (one && isAlive(one.pid)) return [one]
      rmSync(file, { force: true })
      return []
    })
    .toSorted((a, b) => a.startedAtMs - b.startedAtMs)
  removeIfEmpty(folder)
  return told
}

/** By the user's number: one of a container may have no name. Windows has no numbers, and a temporary folder for each user. */
export function folderOf(env: Env): string {
  return join(env["XDG_RUNTIME_DIR"] ?? tmpdir(), `sluice-${process.getuid?.() ?? "runs"}`)
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder)
  } catch {
    // Another run is told there.
  }
}

/**
 * Somebody else's, in the folder that all share, is neither written nor read; a link there may lead to a folder of ours in which nothing
 * is to be taken away.
 */
function isOwn(folder: string): boolean {
  const stat = lstatSync(folder)
  return stat.isDirectory() && (process.getuid === undefined || stat.uid === process.getuid())
}

function filesIn(folder: string): string[] {
  try {
    return isOwn(folder) ? readdirSync(folder).filter((name) => /^\d+-\d+\.json$/.test(name)) : []
  } catch {
    return []
  }
}

function read(file: string): Announcement | undefined {
  try {
    return announcement.safeParse(JSON.parse(readFileSync(file, "utf8"))).data
  } catch {
    return undefined
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
}
