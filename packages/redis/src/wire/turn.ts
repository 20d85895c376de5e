/** What a member tells of the limits that its user named. */
export interface ToldLimit {
  /** What it counts and over how long: the same limit in every process. */
  readonly id: string
  readonly nm: string
  /** 1 requests · 2 tokens · 3 input tokens · 4 output tokens · 5 dollars. */
  readonly d: number
  readonly w: number
  readonly limit: number
  readonly kind: "bucket" | "sliding" | "fixed" | "total"
  readonly burst?: number
  /** How much later than another a call may reach the vendor than it left. */
  readonly j: number
  /** Milliseconds until the next reset. */
  readonly z?: number
}

export interface TurnTold {
  readonly name: string
  readonly L: readonly ToldLimit[]
  /** Places, where the user said a number. */
  readonly c?: number
  /** Places to begin with, where they are to be found. */
  readonly ci?: number
  /** Starts that a newly known quota begins with, doubled every step, and how many go by time alone. */
  readonly ramp: number
  readonly wave: number
}

/** Requests, input tokens, output tokens, dollars. */
export type Amounts = readonly [number, number, number, number]

/** A call that waits: amounts, whether it takes a place, its priority. */
export type Want = readonly [number, number, number, number, 0 | 1, number]

/** What a call gives back: amounts, for how long it was out, dollars that it had reserved. */
export type Return = readonly [number, number, number, number, number, number]

/** How long ago a refused call left, for how long the gate is to close (-1: not at all), and how long ago the call was asked for. */
export type Refused = readonly [number, number, number]

/** One turn of one member. */
export interface Turn {
  readonly p: string
  /** When it left, by the server's clock as far as it is known: everything in it is as old as that. */
  readonly at?: number
  /** All that it was ever granted: what an answer granted that never arrived is taken back. */
  readonly g: Amounts
  /** The life of the data that this member knows. */
  readonly b?: string
  /** Who introduces itself: its limits, and how a new life would be called. */
  readonly told?: TurnTold
  readonly nb?: string
  /** Lease, horizon of dates, and for how long this member may go on alone. */
  readonly ls: number
  readonly hz: number
  readonly off: number
  /** Version of the limits that it knows. */
  readonly pv: number
  /** Places that it holds, and dated tickets: absolute, so that a lost turn costs nothing. */
  readonly h: number
  readonly o: number
  /** What those tickets hold, if there are any. */
  readonly O?: Amounts
  /** Calls that wait. */
  readonly w: number
  /** Tenants that wait, with their weights. */
  readonly T?: Readonly<Record<string, number>>
  /** The wants, one after the other in one list: many lists are what a server takes longest to read. */
  readonly W: readonly number[]
  /** Number of what follows: each is counted once. The returns are one list too. */
  readonly s: number
  readonly S: readonly number[]
  readonly R?: readonly Refused[]
  /** Answers that were no refusal, and how long ago the newest of those calls left. */
  readonly ok: number
  readonly oka: number
  /** Limits that the vendor states lower than they were known: id, limit, what remains. */
  readonly X?: readonly (readonly [string, number, number])[]
  /** What ends every queue: why, for how long (-1: until told otherwise), the vendor's words. */
  readonly F?: readonly [string, number, string]
  /** What was started while nobody could be asked: amounts and how long ago, in one list. */
  readonly al?: readonly number[]
  /** For the learner: what started and ended, as JSON. */
  readonly ev?: string
  readonly le: 0 | 1
  readonly lc?: string
  readonly clear?: 1
  readonly bye?: 1
}

/** A limit as it is kept. */
export interface KeptLimit {
  readonly id: string
  readonly nm: string
  readonly d: number
  readonly w: number
  readonly kd: ToldLimit["kind"]
  /** What is used of it per window, and what may leave at once. */
  readonly lim: number
  readonly b?: number
  /** What users told, and what was found to be the vendor's. */
  readonly td?: number
  readonly lm?: number
  /** By how many milliseconds calls are kept further apart than it asks. */
  readonly e?: number
}

/** What a turn is answered. */
export interface TurnAnswer {
  /** The member is not known: it sends its limits again. */
  readonly who?: 1
  /** The turn was too long on its way for what it says of the present: nothing of it was taken. */
  readonly late?: 1
  /** The server's clock. */
  readonly now: number
  /** In how many milliseconds each of the wants may start, in order, as far as granted. */
  readonly s: readonly number[]
  /** When to ask again, where something is in the way, and what (`!` before what time alone does not cure). */
  readonly r?: number
  readonly by?: string
  readonly ep: number
  readonly born: string
  readonly N: number
  /** Share of every limit that this member may use when it cannot ask. */
  readonly sa: number
  /** For how long the gate is closed, if it is. */
  readonly g?: number
  /** Places that are taken, and how many there are, where there is a limit. */
  readonly n: number
  readonly c?: number
  /** Levels, in the order of the limits. */
  readonly l: readonly number[]
  readonly pv: number
  readonly P?: readonly KeptLimit[]
  /** A limit that members tell differently. */
  readonly df?: string
  readonly ramping?: 1
  /** Members that have calls of a tenant, where there are several. */
  readonly T?: Readonly<Record<string, number>>
  readonly F?: readonly [string, number, string, number]
  readonly learn?: 1
  readonly elected?: 1
  /** For the learner: entries (id, head, events), and each limit's id, sum of corrections, and how often its numbers changed. */
  readonly E?: readonly (readonly [string, string, string?])[]
  readonly K?: readonly (readonly [string, number, number])[]
  readonly M?: string
}

/** Lua knows no empty array. */
export function listOf<T>(value: readonly T[] | Readonly<Record<string, never>> | undefined): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : []
}
