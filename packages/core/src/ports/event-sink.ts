import type { SluiceEvent } from "./events.ts"

/** Receives every event, in order, synchronously. A sink that throws does not disturb the run. */
export type EventSink = (event: SluiceEvent) => void
