import type { SluiceEvent } from "@sluice/core"

/** The events of these types. */
export type EventOf<T extends SluiceEvent["type"]> = Extract<SluiceEvent, { readonly type: T }>
