export type { ControlEvent, PageControls } from "./controls.ts"
export type { Page } from "./open-page.ts"
export { openPage } from "./open-page.ts"
export type { PageOptions } from "./options.ts"
