import { getEventListeners } from "node:events"
import { expect, it } from "vitest"
import { AbortGroups, type AbortGroup } from "../../src/queue/abort-groups.ts"

interface Member {
  readonly id: number
  group: AbortGroup | undefined
}

function setUp(): { groups: AbortGroups<Member>; left: string[]; members: Member[]; controller: AbortController } {
  const left: string[] = []
  const groups = new AbortGroups<Member>((member, reason) => {
    left.push(`${member.id} ${String(reason)}${groups.isAborting ? "" : ", the last"}`)
    groups.part(member)
  })
  const members = Array.from({ length: 1_000 }, (_, id) => ({ id, group: undefined }))
  return { groups, left, members, controller: new AbortController() }
}

it("lets all members of a signal leave in their order, and says so until the last", () => {
  const { groups, left, members, controller } = setUp()
  const other = new AbortController()
  for (const member of members.slice(0, 3)) groups.join(member, controller.signal)
  groups.join(members[3]!, other.signal)
  controller.abort("enough")
  expect(left).toEqual(["0 enough", "1 enough", "2 enough, the last"])
  other.abort("too")
  expect(left.at(-1)).toBe("3 too, the last")
})

it("keeps one listener a signal, none for nobody, and no member that parted", () => {
  const { groups, left, members, controller } = setUp()
  for (const member of members) groups.join(member, controller.signal)
  const { group } = members[0]!
  expect(getEventListeners(controller.signal, "abort")).toHaveLength(1)
  for (const member of members.slice(0, 998)) groups.part(member)
  groups.part(members[0]!)
  expect(group!.members.length).toBeLessThan(100)
  controller.abort("enough")
  expect(left).toEqual(["998 enough", "999 enough, the last"])

  const again = new AbortController()
  groups.join(members[0]!, again.signal)
  groups.part(members[0]!)
  expect(getEventListeners(again.signal, "abort")).toHaveLength(0)
})

it("skips a member that parted while the others left", () => {
  const { left, members, controller } = setUp()
  const groups = new AbortGroups<Member>((member) => {
    left.push(`${member.id}`)
    groups.part(member)
    if (member.id === 0) groups.part(members[1]!)
  })
  for (const member of members.slice(0, 4)) groups.join(member, controller.signal)
  controller.abort()
  expect(left).toEqual(["0", "2", "3"])
})
