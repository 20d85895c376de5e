import type { JSX } from "preact"
import { useEffect, useState } from "preact/hooks"
import { limitWords } from "../../src/chart/mark-words.ts"
import type { SharedQuota } from "../../src/shared-quota.ts"
import { count, dollars, duration, short } from "../format.ts"
import { ask } from "../live/ask.ts"
import { BarTable, Heads } from "../parts/bar-table.tsx"
import { Reasons } from "../parts/reasons.tsx"

const everyMs = 1_000

/** What is kept of the quotas that this run shares with other processes: who they are, what each holds and waits for. */
export function Shared(): JSX.Element {
  const [quotas, setQuotas] = useState<readonly SharedQuota[]>()
  const [heardAt, setHeardAt] = useState("")
  const [trouble, setTrouble] = useState<string>()
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    let isOpen = true
    const look = async (): Promise<void> => {
      try {
        const known = await ask<readonly SharedQuota[]>("api/shared")
        if (isOpen) setQuotas(known)
        if (isOpen) setHeardAt(new Date().toISOString().slice(11, 19))
        if (isOpen) setTrouble(undefined)
      } catch (error) {
        if (isOpen) setTrouble((error as Error).message)
      }
      if (isOpen) timer = setTimeout(() => void look(), everyMs)
    }
    void look()
    return () => {
      isOpen = false
      clearTimeout(timer)
    }
  }, [])
  return (
    <>
      {trouble !== undefined && (
        <p class="notice" role="alert">
          {heardAt === ""
            ? "What is shared cannot be read"
            : `Nothing has been heard of what is shared since ${heardAt} UTC`}
          : {trouble}
        </p>
      )}
      {quotas === undefined && trouble === undefined && <p class="faint">Asking for what is shared…</p>}
      {quotas?.length === 0 && <p class="faint">No call was made yet that shares a limit.</p>}
      {quotas?.map((quota) => (
        <Quota key={quota.tag} quota={quota} />
      ))}
    </>
  )
}

function Quota({ quota }: { quota: SharedQuota }): JSX.Element {
  const { name, limits, members, waiting: waits, differs, lost, refused, started, episodes } = quota
  const places =
    quota.places < 0 ? [] : [{ name: "calls at once", share: 1 - quota.running / quota.places, text: placesOf(quota) }]
  return (
    <section class="quota shared" aria-label={name}>
      <h2>{name}</h2>
      <p>
        {gateOf(quota)} {count(started)} calls started, {count(refused)} refused
        {refused > 0 && ` in ${count(episodes)} ${episodes === 1 ? "burst" : "bursts"}`}.
      </p>
      {differs !== undefined && (
        <p class="notice">Processes tell different numbers for {limitWords(differs)}: the lowest counts.</p>
      )}
      {lost > 0 && (
        <p class="notice">
          {count(lost)} {lost === 1 ? "process was" : "processes were"} lost; that share is left alone for a while.
        </p>
      )}
      <div class="columns">
        <div class="limits">
          <h3>Limits</h3>
          <BarTable
            heads={["Limit", "Free now", "As used"]}
            hint="what could be taken now"
            rows={[
              ...places,
              ...limits.map((limit) => ({
                name: limitWords(limit.name),
                share: limit.level / limit.used,
                text: textOf(limit),
              })),
            ]}
          />
          {limits.length === 0 && <p class="faint">No limit is known yet.</p>}
        </div>
        <div>
          <h3>Why calls wait, in all processes</h3>
          {waits.length === 0 && <p class="faint">No call waits.</p>}
          <Reasons calls={waits} wordsOf={reasonOf} />
        </div>
      </div>
      <h3>Processes</h3>
      <table class="members">
        <thead>
          <Heads of={["Process", "In flight", "Scheduled", "Waiting", "For", "Silent for"]} />
        </thead>
        <tbody>
          {members.map(({ id, places: held, tickets, waiting, waitsFor, silentMs, learns }) => (
            <tr key={id}>
              <th scope="row">
                {id}
                {learns && <small> learns the limits</small>}
              </th>
              <td>{count(Math.max(0, held - tickets))}</td>
              <td>{count(tickets)}</td>
              <td>{count(waiting)}</td>
              <td>{waiting > 0 && waitsFor !== undefined ? reasonOf(waitsFor) : ""}</td>
              <td>{duration(silentMs)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {members.length === 0 && <p class="faint">Nobody uses it now.</p>}
    </section>
  )
}

function gateOf({ gateMs, ramping }: SharedQuota): string {
  if (gateMs > 0) return `The gate is closed for ${duration(gateMs)}: all wait.`
  return ramping ? "The gate opens: few calls at first, then more." : "The gate is open."
}

function placesOf({ places, running }: SharedQuota): string {
  return `${count(running)} of ${count(places)} taken`
}

function textOf({ name, used, level, told, set, found }: SharedQuota["limits"][number]): string {
  if (name === "budgetUsd") return `${dollars(Math.max(0, level))} of ${dollars(used)}`
  const from =
    set !== undefined
      ? "set by hand"
      : found !== undefined && found !== told
        ? "as learned"
        : told !== undefined
          ? "as told"
          : ""
  return `${short(Math.max(0, Math.floor(level)))} of ${short(used)}${from && `, ${from}`}`
}

function reasonOf(reason: string): string {
  if (reason === "gate") return "the gate"
  return reason === "concurrency" ? "a place" : limitWords(reason)
}
