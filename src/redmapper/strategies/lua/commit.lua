#!lua
-- The one writing script: every check, and only when all hold, every write.
--
-- It knows no kind of index. Python has turned a unit of work into a plan: checks and writes on
-- records, sets, sorted sets and owners of values; this script carries it out. Redis does not roll a
-- script back, so nothing may fail after the first write: before it, the type of every key is proved.
--
-- KEYS  1 the lane, 2 the schema, 3 a key that there never is, then every key that is read or written
-- ARGV  1 number, 2 unit id, 3 the plan: an array of integers, packed by cmsgpack; then its words.
--       The plan is the minutes a lane lives, and sections, each led by its count; of an item here
--       (integers; words), a key being its position in KEYS:
--       schema     n x (key of the listing, 1 if the commands write it; mapper, fingerprint)
--       absent     n, key: so many records from there on must be absent
--       versions   n, key, v; v versions: those of so many records from there on, or one of all
--       fields     n x (key, m; m names, m values with a leading "=", or "" for none)
--       sequences  n x (key; number)
--       entities   n, t; n keys, t tails (0: the keys are theirs): entities below are positions
--                  among the ones as owners, among the others as members of sets
--       owners     n x (key, a, e, r, a entities, e positions; a values, e owners, r values): of a
--                  hash of owners, values that get one, which of them have one now, values that lose it
--       sets       n, key, s, s entities, (n - s) x (a, r, a entities, r entities): of so many sets
--                  from there on the first s get one member; others get some and lose some
--       sorted     n x (key, s, a, r; s scores, a members, r members): of a sorted set, those that
--                  come, with a score each or, where there are none, with 0, and those that go
--       records    n x (m, r, key, m x v; m names, m x v values): r records of one shape from there
--                  on, field by field: a value for each record, or one for all; without names they go
--       commands   n x (key, m; command, m arguments)
-- Returns  {"applied"}, {"superseded"}, or {"refused", violation, ...}; a violation is one of
--       {"schema", position}, {"unknown schema"}, {"foreign", key, what it holds},
--       {"exists", position, record}, {"version", position, record}, {"fields", position, record},
--       {"taken", position, owner}; positions count within their section from 1, and a record is
--       what HGETALL gives.

local call, unpack = redis.call, unpack
local KEYS, ARGV = KEYS, ARGV
local RUN = 4000  -- arguments at once: unpack has a limit
local plan, here = cmsgpack.unpack(ARGV[3]), 0
local at = 3  -- the last word that was taken
local answer = {'refused'}
local raised = {}  -- sequences and the numbers they shall have
local entities, tails = 0, 0  -- where their keys and tails stand: before the first of these words

local function int()
  here = here + 1
  return plan[here]
end

local function take()
  at = at + 1
  return ARGV[at]
end

local function slice(n)
  at = at + n
  return unpack(ARGV, at - n + 1, at)
end

-- Where a section begins, for a second reading.
local function mark()
  return { here, at }
end

local function back(to)
  here, at = to[1], to[2]
end

local function violate(...)
  answer[#answer + 1] = {...}
end

-- A receipt is "number unit".
local function receipt()
  local stored = call('GET', KEYS[1])
  if not stored then return nil end
  local space = string.find(stored, ' ', 1, true)
  local number = tonumber(string.sub(stored, 1, space - 1))
  if number == tonumber(ARGV[1]) and string.sub(stored, space + 1) == ARGV[2] then
    return {'applied'}
  end
  if number >= tonumber(ARGV[1]) then return {'superseded'} end
  return nil
end

-- --- checks --------------------------------------------------------------------------------------

local function check_schema()
  for position = 1, int() do
    local listing, writes = KEYS[int()], int() == 1
    local mapper, fingerprint = take(), take()
    local stored = call('HGET', KEYS[2], mapper)
    if stored ~= fingerprint then
      if stored and call('ZCARD', listing) > 0 then
        violate('schema', position)
      elseif not writes then
        violate('unknown schema')
      end
    end
  end
end

local function check_absent()
  local n, first = int(), int()
  for from = first, first + n - 1, RUN do
    local to = math.min(from + RUN, first + n) - 1
    if call('EXISTS', unpack(KEYS, from, to)) > 0 then
      for i = from, to do
        if call('HLEN', KEYS[i]) > 0 then
          violate('exists', i - first + 1, call('HGETALL', KEYS[i]))
        end
      end
    end
  end
end

local function check_versions()
  local n, first, said = int(), int(), int()
  local step = said == n and 1 or 0
  for i = 1, n do
    local record = KEYS[first + i - 1]
    if call('HGET', record, '@') ~= ARGV[at + 1 + (i - 1) * step] then
      violate('version', i, call('HGETALL', record))
    end
  end
  at = at + said
end

-- Names stand after `at`, and then their values: "=value", or "" where there must be none.
local function as_expected(record, n)
  for from = 0, n - 1, RUN do
    local to = math.min(from + RUN, n)
    local found = call('HMGET', record, unpack(ARGV, at + from + 1, at + to))
    for i = 1, to - from do
      if (found[i] and '=' .. found[i] or '') ~= ARGV[at + n + from + i] then return false end
    end
  end
  return true
end

local function check_fields()
  for position = 1, int() do
    local record, n = KEYS[int()], int()
    if call('HLEN', record) == 0 or not as_expected(record, n) then
      violate('fields', position, call('HGETALL', record))
    end
    at = at + 2 * n
  end
end

local function check_sequences()
  for _ = 1, int() do
    local key, number = int(), take()
    local last = tonumber(call('GET', KEYS[key]) or 0)
    if not last then
      violate('foreign', key, 'text')
    elseif last < tonumber(number) then
      raised[#raised + 1] = KEYS[key]
      raised[#raised + 1] = number
    end
  end
end

local function read_entities()
  local keys, several = int(), int()
  entities, tails = at, several > 0 and at + keys or at
  at = at + keys + several
end

-- Of one hash of owners where values and owners stand, and which owners are given up with this plan.
local function read_owners()
  local hash = { key = int(), added = int(), given = int(), removed = int(), owners = here }
  local values, given = at, {}
  here, at = here + hash.added, at + hash.added
  for _ = 1, hash.given do
    given[int()] = take()
  end
  at = at + hash.removed
  return hash, values, given
end

local function check_owners()
  local before = 0
  for _ = 1, int() do
    local hash, values, given = read_owners()
    if hash.added == 0 then call('HLEN', KEYS[hash.key]) end
    for from = 0, hash.added - 1, RUN do
      local to = math.min(from + RUN, hash.added)
      local found = call('HMGET', KEYS[hash.key], unpack(ARGV, values + from + 1, values + to))
      for i = 1, to - from do
        local owner = found[i]
        if owner and owner ~= given[from + i] then violate('taken', before + from + i, owner) end
      end
    end
    before = before + hash.added
  end
end

-- An intersection of many sets with one that there never is: empty at once, but every type is
-- looked at before, and another than a set ends the script here.
local function check_sets()
  local n, first = int(), int()
  for from = first, first + n - 1, RUN do
    local to = math.min(from + RUN, first + n) - 1
    call('SINTERCARD', to - from + 2, KEYS[3], unpack(KEYS, from, to))
  end
  local single = int()
  here = here + single
  for _ = single + 1, n do
    local added, removed = int(), int()
    here = here + added + removed
  end
end

local function check_sorted()
  for _ = 1, int() do
    call('ZCARD', KEYS[int()])
    at = at + int() + int() + int()
  end
end

-- --- writes --------------------------------------------------------------------------------------

local function in_runs(command, key, n)
  for from = 1, n, RUN do
    call(command, key, slice(math.min(RUN, n - from + 1)))
  end
end

-- So many scores, and then n members, each with the score in its place, or 0.
local function add_scored(key, scores, n)
  local members = at + scores
  for from = 0, n - 1, RUN / 2 do
    local words, most = {}, math.min(RUN / 2, n - from)
    for i = 1, most do
      words[2 * i - 1] = scores > 0 and ARGV[at + from + i] or '0'
      words[2 * i] = ARGV[members + from + i]
    end
    call('ZADD', key, unpack(words, 1, 2 * most))
  end
  at = members + n
end

-- The members of a set are the next n entities.
local function move_members(command, key, n)
  for from = 0, n - 1, RUN do
    local words, most = {}, math.min(RUN, n - from)
    for i = 1, most do
      words[i] = ARGV[tails + plan[here + i]]
    end
    here = here + most
    call(command, key, unpack(words, 1, most))
  end
end

local function set_owners(hash, values)
  for from = 0, hash.added - 1, RUN / 2 do
    local words, most = {}, math.min(RUN / 2, hash.added - from)
    for i = 1, most do
      words[2 * i - 1] = ARGV[values + from + i]
      words[2 * i] = ARGV[entities + plan[hash.owners + from + i]]
    end
    call('HSET', KEYS[hash.key], unpack(words, 1, 2 * most))
  end
end

local function write_owners()
  for _ = 1, int() do
    local hash, values = read_owners()
    at = at - hash.removed
    in_runs('HDEL', KEYS[hash.key], hash.removed)
    set_owners(hash, values)
  end
end

local function write_sets()
  local n, first, single = int(), int(), int()
  for key = first, first + single - 1 do
    call('SADD', KEYS[key], ARGV[tails + int()])
  end
  for key = first + single, first + n - 1 do
    local added, removed = int(), int()
    move_members('SADD', KEYS[key], added)
    move_members('SREM', KEYS[key], removed)
  end
end

local function write_sorted()
  for _ = 1, int() do
    local key, scores, added, removed = KEYS[int()], int(), int(), int()
    add_scored(key, scores, added)
    in_runs('ZREM', key, removed)
  end
end

local function delete_records(first, rows)
  for from = first, first + rows - 1, RUN do
    call('DEL', unpack(KEYS, from, math.min(from + RUN, first + rows) - 1))
  end
end

-- Of n columns those that are the same in all rows are put in place once.
local function read_columns(n)
  local fields, varied, values = {}, {}, {}
  for i = 1, n do
    fields[2 * i - 1] = take()
  end
  for i = 2, 2 * n, 2 do
    local said = int()
    if said == 1 then
      fields[i] = ARGV[at + 1]
    else
      varied[#varied + 1], values[#values + 1] = i, at
    end
    at = at + said
  end
  return fields, varied, values
end

local function write_rows(n, rows, first)
  local fields, varied, values = read_columns(n)
  local last, changing = 2 * n, #varied
  for row = 1, rows do
    for i = 1, changing do
      fields[varied[i]] = ARGV[values[i] + row]
    end
    for from = 1, last, RUN do
      call('HSET', KEYS[first + row - 1], unpack(fields, from, math.min(from + RUN - 1, last)))
    end
  end
end

local function write_records()
  for _ = 1, int() do
    local n, rows, first = int(), int(), int()
    if n > 0 then write_rows(n, rows, first) else delete_records(first, rows) end
  end
end

local function run_commands()
  for _ = 1, int() do
    local key, n = KEYS[int()], int()
    in_runs(take(), key, n)
  end
end

local function raise_sequences()
  for i = 1, #raised, 2 do
    call('SET', raised[i], raised[i + 1])
  end
end

-- --- all of it -----------------------------------------------------------------------------------

local done = receipt()
if done then return done end

local minutes = int()
check_schema()
check_absent()
check_versions()
check_fields()
check_sequences()
read_entities()
local written = mark()
check_owners()
check_sets()
check_sorted()
if #answer > 1 then return answer end

back(written)
write_owners()
write_sets()
write_sorted()
write_records()
run_commands()
raise_sequences()
call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'EX', 60 * minutes)
return {'applied'}
