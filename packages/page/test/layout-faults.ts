import type { Page as Tab } from "playwright-core"

/** What an eye would find at once: texts that lie on one another, texts that are cut, a page that is wider than its window. */
export function layoutFaults(tab: Tab): Promise<string[]> {
  return tab.evaluate<string[]>(`(${inPage})()`)
}

// In the page; its policy evaluates no text of its own accord, asked from outside it is answered.
const inPage = String.raw`() => {
  const faults = []
  const wide = document.documentElement.scrollWidth - innerWidth
  if (wide > 0) faults.push("the page is " + wide + " pixels wider than its window")
  const told = (text) => JSON.stringify(text.trim().slice(0, 40))
  const top = document.querySelector("dialog[open]") ?? document.body
  const texts = []
  const walker = document.createTreeWalker(top, NodeFilter.SHOW_TEXT)
  while (walker.nextNode()) {
    const node = walker.currentNode
    const element = node.parentElement
    if (node.data.trim() === "" || element.closest("script, style, svg")) continue
    let [left, top, right, bottom] = [-Infinity, -Infinity, Infinity, Infinity]
    let isSeen = true
    for (let each = element; each; each = each.parentElement) {
      const { display, visibility, clipPath, overflow } = getComputedStyle(each)
      if (display === "none" || visibility === "hidden" || clipPath !== "none") isSeen = false
      if (overflow === "visible" || each === document.body || each === document.documentElement) continue
      const box = each.getBoundingClientRect()
      left = Math.max(left, box.left)
      top = Math.max(top, box.top)
      right = Math.min(right, box.right)
      bottom = Math.min(bottom, box.bottom)
    }
    if (!isSeen) continue
    const range = document.createRange()
    range.selectNodeContents(node)
    for (const rect of range.getClientRects()) {
      const box = { node, left: Math.max(left, rect.left), top: Math.max(top, rect.top) }
      box.right = Math.min(right, rect.right)
      box.bottom = Math.min(bottom, rect.bottom)
      if (box.right - box.left > 1 && box.bottom - box.top > 1) texts.push(box)
    }
  }
  // A few pixels: the boxes of two lines may touch where their letters do not.
  for (const [at, a] of texts.entries())
    for (const b of texts.slice(at + 1))
      if (
        a.node !== b.node &&
        Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 &&
        Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4
      )
        faults.push(told(a.node.data) + " lies on " + told(b.node.data))
  for (const element of top.querySelectorAll("*")) {
    const { overflowX, textOverflow, clipPath } = getComputedStyle(element)
    if (overflowX !== "hidden" || clipPath !== "none" || element.textContent.trim() === "") continue
    if (element.scrollWidth <= element.clientWidth + 1) continue
    // With dots, and where the whole of it is at hand: in a title, or in the item that a row leads to.
    const isAtHand = element.closest("[title], [role=row]") !== null
    if (textOverflow !== "ellipsis" || !isAtHand) faults.push(told(element.textContent) + " is cut")
  }
  return faults
}`
