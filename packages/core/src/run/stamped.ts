import type { NewEvent } from "./frame.ts"
import type { EventSink } from "../ports/event-sink.ts"
import type { SluiceEvent } from "../ports/events.ts"
import type { Runtime } from "../ports/runtime.ts"

/** Gives events their time on the way to `sink`. Each was made to be told: its time is written into it, for a copy would cost as much again. */
export function stamped(sink: EventSink, runtime: Runtime): (event: NewEvent) => void {
  return (event: NewEvent & { atMs?: number }) => {
    try {
      event.atMs = runtime.clock.now()
      sink(event as SluiceEvent)
    } catch {
      // By contract a sink that throws does not disturb the run.
    }
  }
}
