#!lua flags=no-writes
-- The rows of a selection, reached by the cheapest of several ways, as far as one step may go.
--
-- KEYS  1 the schema, 2 the listing of the mapper, then those of the sources and of the sets probed
-- ARGV  1 mapper, 2 its fingerprint, 3 what the keys of its records begin with,
--       4 form of its keys: "int", "text" or "fixed"
--       5 wanted: "rows", "fields" of them, "keys" before records must be read, "count", the "plan", or
--         the "size" of sources: then there follow only these, each as a command, key, low, high:
--         "ZLEXCOUNT", "ZCOUNT" between two cuts, or "SCARD" with "", ""
--       6 rows that are wanted at all, 7 rows to cut the answer to, 8 rows of a step of a walk
--         (-1: all), 9 entries that may be gathered in one step, 10 work of a step of a walk
--       11 and 12 what queries of one shape have in common; 13, ... all words that are in neither.
--       11 is an array of MessagePack with all of the following that is a number or a word in "", what
--         else there is stands from 13 on in the same order:
--       stored names; columns: kind, place of the name, place of that of the normed value (0: none,
--         both 0: the key), key of the sorted set whose scores are its numbers (0: none);
--       tests: 1 if it must read the records of all, test;
--       order: column, 1 if descending; 1 if the key descends; 0, or 1 and the key of the row to begin
--         behind, and its values by the order, each 0 or 1 and the value;
--       keys to leave out.
--       tests: "and", "or" of tests; "not" of one; "probe" of sets, any of which has it;
--         "none", column; "one", column, values; "span", column, bounds: low, high as in ZRANGE
--         BYLEX; "scored", column, two cuts, and such bounds for what has no score; "like", column,
--         Lua patterns that are found one behind the other
--       Each list begins with its length, in 12 as well.
--       12 is numbers: a byte each if all are below 256, the first below 220, and they are not very many;
--         else an array of MessagePack, which begins with a byte from 220 on. Words go by their places
--         in ARGV, keys by theirs in KEYS. How many ways there are, which the last numbers tell; where the fields wanted stand, from and to; how many keys are left out;
--         1 if the order is by key alone. Then the order where no record is needed for it, a list: 1 if
--         the key descends, then for an order by scores their set and 1 if they descend; the list of
--         those fields that may go on in further ones; of each test a list of what it asks, which is
--         a set, or a set by score and two cuts, or nothing of that kind; the ways.
--       ways: 1 if it is a walk in order, 1 if no row comes twice, the price of a candidate with the
--         tests that are left, 1 if no record must be read, the list of tests it makes needless, that
--         of those it leaves, and a path to its entries: 1 and a list of paths, for what is in any, 2
--         and such a list, for the one with the fewest; or a source:
--           3, number, cursor, list of keys: what is in all of these sets
--           4, number, key, values of a unique hash: where these stand, and how many they are
--           5, number, the keys themselves: the same of them
--           6, number, key, low, high, 1 if backward, 1 if the tail descends, widths of fields, each 1
--             more (in bytes; of a value that ends in 00 01 it is 0, in FF FE -1): a sorted set
--           7, the same: a sorted set by score, its tails ascending, the width that of numbers that
--             are not plain, between two cuts: "-" before all, "30" before that score, "(30" behind
--             it, "+" behind all; "=30 member" before a member, ">30 member" behind it
-- Returns  {"schema"} where other indexes stand than the mapper has; {"plan", way, size, ...};
--       else {wanted, way, entries seen, records read, source, cursor, picked, keys, records, cut}
--       with the number of rows for keys if they are counted; or, of few candidates, {"few", way,
--       entries seen, keys or how many rows, records, cut}. `cut` are the numbers of fields of
--       which records have one value more at their end, in this order: all that follows a full first
--       piece. The next step goes on with what is left of the picked sources, from the cursor in
--       `source` on (0: there is no more). "keys" in place of what was wanted: too many to gather at
--       once.

local call, byte, sub, search = redis.call, string.byte, string.sub, string.find
local HUGE = math.huge
local PIECE = 64 -- a value of so many bytes may go on in further fields, name:1, name:2, ...
local SLICE = 1000 -- keys of one command

local mapper, fingerprint, prefix, form, wanted = unpack(ARGV, 1, 5)

local function listed() return call('ZCARD', KEYS[2]) end

local stored = call('HGET', KEYS[1], mapper)
if stored and stored ~= fingerprint and listed() > 0 then return { 'schema' } end

-- Scores from one cut to another as ZCOUNT wants them, nothing for a cut between members.
local function scores_between(low, high)
  local head, last = byte(low), byte(high)
  if head == 61 or head == 62 or last == 61 or last == 62 then return nil end
  if high == '+' then high = '+inf' else high = last == 40 and sub(high, 2) or '(' .. high end
  return low == '-' and '-inf' or low, high
end

-- What indexes count by themselves needs nothing of what follows.
if wanted == 'size' then
  local total = 0
  for i = 11, #ARGV, 4 do
    local command, from, low, high = ARGV[i], KEYS[ARGV[i + 1] + 0], ARGV[i + 2], ARGV[i + 3]
    if command == 'SCARD' then
      total = total + call('SCARD', from)
    elseif command == 'ZLEXCOUNT' then
      total = total + call('ZLEXCOUNT', from, low, high)
    else
      total = total + call('ZCOUNT', from, scores_between(low, high))
    end
  end
  return { 'count', 1, 0, 0, 0, '', {}, total, {} }
end

local wish, limit, page, most, budget =
  ARGV[6] + 0, ARGV[7] + 0, ARGV[8] + 0, ARGV[9] + 0, ARGV[10] + 0

-- A function of its own, as functions are made dozens of times below: for each variable that one
-- takes from the function around it Lua goes through all that were taken so before; what that one has
-- itself taken, as all that stands above, is handed on at once.
return (function()

-- Numbers, a byte each where they can be: an array begins with a byte from 220 on. A list is told by its
-- length and what it has, and goes by the place of its length.
local told = 220 - byte(ARGV[12]) > 0 and { byte(ARGV[12], 1, -1) } or cmsgpack.unpack(ARGV[12])

-- include tails.lua

-- include sources.lua

-- include ways.lua

local from, to, without, by_key_alone = unpack(told, 2, 5)
by_key_alone = by_key_alone == 1
local short_order, asked, long, ways = 6, {}, {}, {}
local place = 7 + told[short_order]
for i = 1, told[place] do
  long[i] = told[place + i]
end
place = place + #long + 2
for i = 1, told[place - 1] do
  asked[i] = place
  place = place + told[place] + 1
end
for i = 1, told[1] do
  ways[i], place = way_of(place, i)
end
local chosen = ways[1]
if #ways > 1 or wanted == 'plan' then
  local sizes = cheapest(ways, by_key_alone, without)
  if wanted == 'plan' then return sizes end
  chosen = ways[sizes[2]]
end

-- include records.lua

if chosen.short then

-- include few.lua

  local answer = answer_of_few(chosen)
  if answer then return answer end
  chosen = way_of(chosen.at, chosen.number) -- as if nothing had been read
end

-- What follows reads records, and may take several steps.

local terms, term_at, at = cmsgpack.unpack(ARGV[11]), 0, 12

-- The next of what is packed, and of the words behind it.
local function term()
  term_at = term_at + 1
  return terms[term_at]
end

local function take()
  at = at + 1
  return ARGV[at]
end

local function flag() return term() == 1 end

local function key() return KEYS[term()] end

local function each(one)
  local found = {}
  for i = 1, term() do
    found[i] = one()
  end
  return found
end

-- include compare.lua

local names = each(take)

-- include columns.lua

-- include judge.lua

-- include order.lua

local leave_out, left_out = each(take), {}
for i = 1, #leave_out do
  left_out[leave_out[i]] = true
end
local fields = { unpack(ARGV, from, to) }

if chosen.path.word and not chosen.size then chosen.size = size_of(chosen.path) end -- it picks
local picked = picked_of(chosen.path, {})
local left = {}
for i = 1, told[chosen.left] do
  left[i] = conditions[told[chosen.left + i]]
end
local source, cursor, ids = 0, '', {}
for i = 1, #picked do
  ids[i] = picked[i].id
  chosen.keyed = chosen.keyed or picked[i].kind == 'keys'
end

-- What becomes of candidates.

local kept, candidates, total, known, several = {}, {}, 0, {}, not chosen.distinct
local passes_over = several or #leave_out > 0
local row_cost = wanted == 'rows' and 10 or 3 * #fields
local cuts = limit >= 0 and not chosen.walks and wanted ~= 'count'

-- The candidates of these entries, whose keys may be known: those left out, and those that came before,
-- are passed over.
local function taken_in(found, ids)
  local rows, count, before_them = {}, #found, #keys
  ids = form == 'fixed' and found or ids
  if ids and before_them == 0 then
    tails, keys = found, ids
  else
    for j = 1, count do
      tails[before_them + j], keys[before_them + j] = found[j], ids and ids[j] or key_in(found[j])
    end
  end
  if passes_over then
    count = 0
    for j = before_them + 1, before_them + #found do
      local one = keys[j]
      if not (left_out[one] or known[one]) then
        count = count + 1
        rows[count] = j
      end
      if several then known[one] = true end
    end
  else
    for j = 1, count do
      rows[j] = before_them + j
    end
  end
  seen, spent = seen + count, spent + 4 * count
  return rows
end

local proven = false -- whether what has passed is known to have a record

local function judged(rows)
  proven = false
  for i = 1, #left do
    local one = left[i]
    if not (one.must_read and wanted == 'keys') then
      rows, proven = one.passed(rows), proven or one.proves
    end
  end
  return proven and rows or present(rows, chosen.keyed and wanted ~= 'keys')
end

-- Counting what needs no look at each; sets that meet are looked through by the server itself.
local function countable()
  if wanted ~= 'count' or #left > 0 or not chosen.distinct or chosen.keyed then
    return false
  end
  for i = 1, #picked do
    local one = picked[i]
    if one.sets and #one.sets > 1 and entries_of(one) - 15 * most > 0 then return false end
  end
  return true
end

local function counted()
  for i = 1, #picked do
    local one = picked[i]
    if one.kind == 'set' then
      total = total + call('SINTERCARD', #one.sets, unpack(one.sets))
    elseif one.kind == 'owners' then
      total = total + #some_of(one)
    else
      total = total + entries_of(one)
    end
  end
  if #leave_out > 0 then
    left_out, left = {}, conditions
    total = total - #present(judged(taken_in(tails_of(leave_out), leave_out)), true)
  end
end

-- Walks go on until there are enough rows, in batches that grow with what does not fit.
local function walked()
  local enough = page >= 0 and page or HUGE
  for i = 1, #picked do
    local one, more = picked[i], true
    local count = enough + #leave_out + 1
    if #left > 0 then count = math.min(math.max(2 * count, 16), 200) end
    while more do
      local from, found, members = #keys, nil, nil
      found, more, members = some_of(one, math.min(count, 1001))
      local rows = judged(taken_in(found, one.keys))
      local room, last = enough - #kept - total, #found
      if #rows - room >= 0 then last = rows[room] - from end
      for j = 1, math.min(#rows, room) do
        if wanted == 'count' then
          total = total + 1
        else
          kept[#kept + 1], spent = rows[j], spent + row_cost
        end
      end
      if #found > 0 and (#rows - room >= 0 or (spent - budget > 0 and seen - most >= 0)) then
        if found[last + 1] or more or picked[i + 1] then
          source, cursor = one.id, cursor_at(one, members[last])
        end
        return
      end
      count = batch_after(count, enough - #kept - total, seen, #kept + total)
    end
  end
end

local function gathered()
  local rows, room = nil, most + 1
  for i = 1, #picked do
    local one = picked[i]
    local found, more = some_of(one, math.max(room, 1))
    room = room - #found
    local fresh = taken_in(found, one.keys)
    if rows then
      for j = 1, #fresh do
        rows[#rows + 1] = fresh[j]
      end
    else
      rows = fresh
    end
    if more or (0 >= room and picked[i + 1] and wanted == 'keys') then
      source, cursor = more and one.id or picked[i + 1].id, more and cursor_at(one, more) or ''
      break
    end
  end
  return judged(rows or {})
end

if countable() then
  counted()
elseif chosen.walks then
  walked()
else
  chosen.size = chosen.size or size_of(chosen.path)
  if chosen.size - most > 0 and wanted ~= 'keys' then wanted, most = 'keys', most * 1.5 end
  cuts = cuts and wanted ~= 'keys'
  start = wanted ~= 'keys' and start
  kept = gathered()
  if (cuts or start) and not proven then
    values_of(order[1].of, kept)
    kept = present(kept)
  end
  candidates = kept
  if cuts or start then kept = in_order(kept, cuts and limit) end
  total = #kept
end

-- The answer.

local function answer()
  local found = {}
  for i = 1, cuts and math.min(limit, #kept) or #kept do
    found[i] = keys[kept[i]]
  end
  return found, records_of(found, fields, long)
end

local found, records, cut = answer()
if cuts and by_key_alone and #candidates - #found > 0 and any_gone(records) then
  -- An order by key reads no record; another row comes in place of one that is no more.
  kept = in_order(present(candidates, true), limit)
  found, records, cut = answer()
end
if wanted == 'count' then found = total end
return { wanted, chosen.number, seen, read, source, cursor, ids, found, records, cut }

end)()
