/** Keys that another program has overwritten: all of that quota goes, and it begins anew as after an eviction. */
export const mendLua: string = `
local types = { 'hash', 'zset', 'hash', 'zset', 'stream', 'zset', 'zset' }
for i = 1, #KEYS do
  local is = redis.call('TYPE', KEYS[i]).ok
  if is ~= 'none' and is ~= types[i] then redis.call('DEL', unpack(KEYS)); return 1 end
end
return 0
`
