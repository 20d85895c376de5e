import { limitsLua } from "./limits.lua.ts"

/**
 * Changes limits for everybody: from the learner what all of them heard comes to, from an operator what is to hold from now on.
 * Answers 1, 0 where nothing is kept, -1 where somebody else learns by now, -2 where there is no such limit.
 */
export const tellLua: string = `${limitsLua}
local m = cjson.decode(ARGV[1])
local BUS = ARGV[3]
local s = load('')
if not s then return 0 end
if m.p and s.lr ~= m.p then return -1 end
local L = s.L
forward(s)
local byId = {}
for i = 1, #L do byId[L[i].id] = L[i]; if m.set then byId[L[i].nm] = L[i] end end
-- Corrections first: they were found under the limits as they were.
for id, d in pairs(m.d or {}) do if byId[id] then correct(byId[id], d, now) end end
local fell = false
for _, x in ipairs(m.P or {}) do
  local l = byId[x.id]
  if not l then
    l = { id = x.id, nm = x.nm, d = x.d, w = x.w, j = x.j, k = 0 }
    L[#L + 1] = l
    learned(l, x); l.lk = x.kd
    tune(l, now)
    -- What was taken and is not started yet stands ready at the vendor still.
    correct(l, x.v - amount(l, s.op, 0) - level(l), now); l.k = 0
  else
    local before = l.lim
    learned(l, x); l.lk = x.kd
    tune(l, now)
    if l.lim < before * 0.9 then fell = true end
  end
  s.pv = s.pv + 1
end
for name, limit in pairs(m.set or {}) do
  if name == 'concurrency' then s.cs = limit > 0 and limit or nil; s.c = placesOf(s); s.pv = s.pv + 1
  elseif not byId[name] then return -2
  else
    local l = byId[name]
    local before = l.lim
    l.ts = limit > 0 and limit or nil; learned(l, {})
    tune(l, now)
    if l.lim < before then fell = true end
    s.pv = s.pv + 1
  end
end
if m.c then s.cl = m.c > 0 and m.c or nil; s.c = placesOf(s); s.pv = s.pv + 1 end
if m.gate and now + m.gate > s.g + 1 then
  close(s, now + m.gate)
  fell = true
end
if m.me then redis.call('HSET', KEYS[1], 'memory', m.me) end
if fell then s.ep = s.ep + 1; s.ds = {}; say(BUS, 'gate ' .. s.ep) end
keep(s)
return 1
`
