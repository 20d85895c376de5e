import type { JSX, RefObject } from "preact"
import { useLayoutEffect, useState } from "preact/hooks"
import { type Arrow, arrowsOf, type Edges } from "./arrow-paths.ts"

/** The edges between the items of a list as arrows with the names of their actions; in words they stand at each node. */
export function Arrows({ list, edges }: { list: RefObject<HTMLOListElement | null>; edges: Edges }): JSX.Element {
  const [arrows, setArrows] = useState<readonly Arrow[]>([])
  useLayoutEffect(() => {
    const element = list.current
    if (!element) return
    const nodes = [...element.children].filter((child): child is HTMLElement => child instanceof HTMLElement)
    const measure = (): void => {
      const at = element.getBoundingClientRect()
      const boxes = nodes.map((node) => {
        const { left, top, width, height } = node.getBoundingClientRect()
        return [node.dataset["key"] ?? "", { left: left - at.left, top: top - at.top, width, height }] as const
      })
      setArrows(arrowsOf(new Map(boxes), edges))
    }
    const observer = new ResizeObserver(measure)
    for (const each of [element, ...nodes]) observer.observe(each)
    measure()
    return () => observer.disconnect()
  }, [edges])
  return (
    <svg class="arrows" aria-hidden="true">
      {arrows.map(({ path, head, label, labelX, labelY }) => (
        <g key={path}>
          <path d={path} />
          <path class="head" d={head} />
          {label !== "" && (
            <text x={labelX} y={labelY} text-anchor="middle">
              {label}
            </text>
          )}
        </g>
      ))}
    </svg>
  )
}
