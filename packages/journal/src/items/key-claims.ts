import { hash } from "node:crypto"

/**
 * Which item of this session claimed which key: 96 bits of the key's hash and the index, 16 bytes per slot, so that a
 * million keys take 32 MB. (A map of a million strings takes several times that.)
 */
export class KeyClaims {
  #slots = new Uint32Array(4 * 1024)
  #size = 0

  /** Claims `key` for `index`; returns the index that holds it already, if another one does. */
  claim(key: string, index: number): number | undefined {
    if (this.#size * 8 > this.#slots.length) this.#grow()
    const digest = hash("sha256", key, "buffer")
    return this.#put(this.#slots, digest.readUInt32LE(0), digest.readUInt32LE(4), digest.readUInt32LE(8), index)
  }

  #put(slots: Uint32Array, a: number, b: number, c: number, index: number): number | undefined {
    const mask = slots.length / 4 - 1
    for (let slot = a & mask; ; slot = (slot + 1) & mask) {
      const at = slot * 4
      const held = slots[at + 3] as number
      if (held === 0) {
        slots.set([a, b, c, index + 1], at)
        this.#size++
        return undefined
      }
      if (slots[at] === a && slots[at + 1] === b && slots[at + 2] === c)
        return held - 1 === index ? undefined : held - 1
    }
  }

  #grow(): void {
    const old = this.#slots
    const slots = new Uint32Array(old.length * 2)
    this.#size = 0
    for (let at = 0; at < old.length; at += 4) {
      const held = old[at + 3] as number
      if (held > 0) this.#put(slots, old[at] as number, old[at + 1] as number, old[at + 2] as number, held - 1)
    }
    this.#slots = slots
  }
}
