-- A value starts with its version: 2 bytes of term, 6 of seq, big endian. A Lua number holds a term
-- or a seq exactly, never both; Lua's own string order is the server's locale's.
local function newer(a, b)
  local a1, a2, a3, a4, a5, a6, a7, a8 = string.byte(a, 1, 8)
  local b1, b2, b3, b4, b5, b6, b7, b8 = string.byte(b, 1, 8)
  if not b8 then return true end
  local a_term, b_term = a1 * 256 + a2, b1 * 256 + b2
  if a_term ~= b_term then return a_term > b_term end
  local a_seq = ((((a3 * 256 + a4) * 256 + a5) * 256 + a6) * 256 + a7) * 256 + a8
  local b_seq = ((((b3 * 256 + b4) * 256 + b5) * 256 + b6) * 256 + b7) * 256 + b8
  return a_seq > b_seq
end
local function join(key, field, value)
  local held = redis.call('HGET', key, field)
  if not held or newer(value, held) then redis.call('HSET', key, field, value) end
end
