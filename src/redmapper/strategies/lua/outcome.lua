#!lua
-- What became of a commit; one that was not applied never will be.
--
-- KEYS  1 the lane
-- ARGV  1 number, 2 unit id, 3 minutes a lane lives, 4 seconds since the unit was made
-- Returns  "applied", "not applied", or "unknown" when the receipt would have expired by now

local stored = redis.call('GET', KEYS[1])
if stored then
  local space = string.find(stored, ' ', 1, true)
  local number = tonumber(string.sub(stored, 1, space - 1))
  if number == tonumber(ARGV[1]) and string.sub(stored, space + 1) == ARGV[2] then
    return 'applied'
  end
  if number >= tonumber(ARGV[1]) then return 'not applied' end
elseif tonumber(ARGV[4]) >= 60 * tonumber(ARGV[3]) then
  return 'unknown'
end

-- Burn the number: should the commit still be on its way, it will find itself superseded.
redis.call('SET', KEYS[1], ARGV[1] .. ' burned', 'EX', 60 * tonumber(ARGV[3]))
return 'not applied'
