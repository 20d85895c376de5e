import { compileTemplate, type InputRecord, type Template } from "./prompt-template.ts"

const tagOrFilter = /\{%|\{\{(?!\s*"[^"\n]*"\s*\}\})[^{}]*\|/

/** As `compileTemplate`, and prompts with tags or filters as Liquid has them: loaded when there is one. */
export async function compilePrompt(text: string, params: InputRecord, name: string): Promise<Template> {
  if (!tagOrFilter.test(text)) return compileTemplate(text, params, name)
  const { compileLiquid } = await import("./liquid-template.ts")
  return compileLiquid(text, params, name)
}
