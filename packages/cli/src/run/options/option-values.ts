import { nearest } from "@sluice/core/internal"
import { InvalidArgumentError } from "commander"
import { isFailureCode, knownCodes } from "../../asking/asked-again.ts"
import { parseCheck } from "../../checks/parse-check.ts"
import { type Condition, parseCondition } from "../../input/condition.ts"
import { ownFields, parseRequestOption, type RequestOptions, unsendable } from "../../model/request-options.ts"

// What the values of options may be: each returns the value, or throws what was wanted.

export function positiveNumber(text: string): number {
  const value = Number(text)
  if (Number.isFinite(value) && value > 0 && text.trim() !== "") return value
  throw new InvalidArgumentError("Wanted a number above 0.")
}

/** Of calls or tokens: less than one is none, and no call could ever be sent. */
export function oneOrMore(text: string): number {
  const value = Number(text)
  if (value >= 1 && value <= Number.MAX_SAFE_INTEGER) return value
  throw new InvalidArgumentError(`Wanted a number from 1 to ${Number.MAX_SAFE_INTEGER}.`)
}

/** A timer knows no less than a millisecond: with less, no call would be answered in time. */
export function seconds(text: string): number {
  const value = Number(text)
  if (Number.isFinite(value) && value >= 0.001) return value
  throw new InvalidArgumentError("Wanted a number of seconds, 0.001 or more.")
}

export function nonNegative(text: string): number {
  const value = Number(text)
  if (Number.isFinite(value) && value >= 0 && text.trim() !== "") return value
  throw new InvalidArgumentError("Wanted 0 or a number above.")
}

export function positiveInteger(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new InvalidArgumentError("Wanted a whole number above 0.")
}

/** A shell gives an empty text for a variable that is not set. */
export function notEmpty(what: string): (text: string) => string {
  return (text) => {
    if (text !== "") return text
    throw new InvalidArgumentError(`Wanted ${what}; it is empty.`)
  }
}

/** As failed items have them: codes of ours, or what a vendor answered with. */
export function failureCodes(text: string): readonly string[] {
  const all = names("codes of failures")(text)
  const odd = all.find((code) => !isFailureCode(code))
  if (odd === undefined) return all
  throw new InvalidArgumentError(
    `No failure has the code ${odd}.${nearest(odd, knownCodes)} They stand in failed.jsonl: a status such as 500, or timeout, connection, answer-truncated, …`,
  )
}

/** Parted by commas, each one something. */
export function names(what: string): (text: string) => readonly string[] {
  return (text) => {
    const all = text.split(",").map((name) => name.trim())
    if (!all.includes("")) return all
    throw new InvalidArgumentError(`Wanted ${what}, parted by commas; ${text === "" ? "it" : "one of them"} is empty.`)
  }
}

export function encoding(text: string): string {
  try {
    return new TextDecoder(text).encoding
  } catch {
    throw new InvalidArgumentError("Wanted an encoding such as utf-8, windows-1252, utf-16le or shift_jis.")
  }
}

export function wholeNumber(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && text.trim() !== "") return value
  throw new InvalidArgumentError("Wanted a whole number.")
}

export function upTo(most: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (text.trim() !== "" && value >= 0 && value <= most) return value
    throw new InvalidArgumentError(`Wanted a number from 0 to ${most}.`)
  }
}

export function wholeUpTo(most: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (Number.isInteger(value) && value >= 1 && value <= most) return value
    throw new InvalidArgumentError(`Wanted a whole number from 1 to ${most}.`)
  }
}

export function addText(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, notEmpty("a text")(text)]
}

export function addCheck(text: string, before: readonly string[] = []): readonly string[] {
  parseCheck(notEmpty("a check")(text))
  return [...before, text]
}

export function addRequestOption(text: string, before: RequestOptions = {}): RequestOptions {
  const option = parseRequestOption(text)
  if (!option)
    throw new InvalidArgumentError(
      `Wanted name=value, and no field that the command says itself (${ownFields.join(", ")}).`,
    )
  const wrong = unsendable(text)
  if (wrong !== undefined) throw new InvalidArgumentError(wrong)
  return { ...before, ...option }
}

export function addCondition(text: string, before: readonly Condition[] = []): readonly Condition[] {
  const condition = parseCondition(text)
  if (!condition) throw new InvalidArgumentError("Wanted field=value or field!=value, and no other comparison.")
  return [...before, condition]
}

export function addParam(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf("=")
  if (at < 1) throw new InvalidArgumentError("Wanted name=value.")
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
}

export function port(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 0 && value < 65_536 && text.trim() !== "") return value
  throw new InvalidArgumentError("Wanted a port from 1 to 65535, or 0 for one that is free.")
}
