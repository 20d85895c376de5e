import type { NewEvent } from "./frame.ts"
import type { EventSink } from "../ports/event-sink.ts"
import type { Runtime } from "../ports/runtime.ts"

/** Gives events their time on the way to `sink`. */
export function stamped(sink: EventSink, runtime: Runtime): (event: NewEvent) => void {
  return (event) => {
    try {
      sink({ ...event, atMs: runtime.clock.now() })
    } catch {
      // By contract a sink that throws does not disturb the run.
    }
  }
}
