#!lua flags=no-writes
-- The rows of a selection, reached by the cheapest of several ways, as far as one step may go.
--
-- KEYS  1 the schema, 2 the listing of the mapper, then those of the sources and of the sets probed
-- ARGV  1 mapper, 2 its fingerprint, 3 what the keys of its records begin with,
--       4 form of its keys: "int", "text" or "fixed"
--       5 wanted: "rows", "fields" of them, "keys" before anything is read, "count", or the "plan"
--       6 rows that are wanted at all, 7 rows to cut the answer to, 8 rows of a step of a walk
--         (-1: all), 9 entries that may be gathered in one step, 10 work of a step of a walk
--       then, each list after its length:
--       stored names; columns: kind, place of the name, place of that of the normed value (0: none,
--         both 0: the key); tests: 1 if it reads the record, test; order: column, 1 if descending;
--         1 if the key descends; "" or "=" and the key of the row to begin behind, and its values
--         by the order, each "" or "=" and the value; keys to leave out; names of fields wanted;
--       ways: 1 if it is a walk in order, 1 if no row comes twice, numbers of the tests it makes
--         needless, a path to its entries: "any" of paths, "least" of paths, or a source:
--           "sorted", number, key, low, high, 1 if backward, 1 if the tail descends, widths of
--             fields (in bytes; 0 for a value that ends in 00 01, -1 in FF FE)
--           "set", number, cursor, keys: what is in all of these sets
--           "owners", number, key, values of a unique hash;  "keys", number, the keys themselves
--       tests: "and", "or" of tests; "not" of one; "probe" of sets, any of which has the key;
--         "none", column; "one", column, values; "span", column, bounds: low, high as in ZRANGE
--         BYLEX; "like", column, Lua patterns that are found one behind the other
-- Returns  {"schema"} where other indexes stand than the mapper has; {"plan", way, size, ...};
--       else {wanted, way, entries seen, records read, source, cursor, picked, keys, records} with
--       the number of rows for keys if they are counted. The next step goes on with what is
--       left of the picked sources, from the cursor in `source` on (0: there is no more). "keys" in
--       place of what was wanted: too many to gather at once.

local call, byte, sub, search = redis.call, string.byte, string.sub, string.find
local HUGE = math.huge
local PIECE = 64 -- a value of so many bytes may go on in further fields, name:1, name:2, ...

local at = 0

local function take()
  at = at + 1
  return ARGV[at]
end

local function number()
  at = at + 1
  return tonumber(ARGV[at])
end

local function flag() return take() == '1' end

local function key() return KEYS[number()] end

local function each(one)
  local found = {}
  for i = 1, number() do
    found[i] = one()
  end
  return found
end

-- include compare.lua

-- The candidate, and what has been read of its record.

local mapper, fingerprint, prefix, form, wanted = take(), take(), take(), take(), take()
local wish, limit, page, most, budget = number(), number(), number(), number(), number()
local names = each(take)
local current, stamp, touched, exists = '', 0, false, false
local stamps, held = {}, {} -- by place: for which candidate it was read, and what it holds
local seen, read, spent = 0, 0, 0

local function column()
  local kind, place, shadow = kinds[take()], number(), number()
  return { kind = kind, place = place, shadow = shadow }
end

local function whole(name, text)
  local pieces = { text }
  while text and #text == PIECE do
    text = call('HGET', prefix .. current, name .. ':' .. #pieces)
    pieces[#pieces + 1] = text or nil
  end
  return table.concat(pieces)
end

local function stored_at(place)
  if stamps[place] ~= stamp then
    local text = call('HGET', prefix .. current, names[place])
    if text and #text == PIECE then text = whole(names[place], text) end
    if not touched then read, touched = read + 1, true end
    if text then exists = true end
    stamps[place], held[place], spent = stamp, text, spent + 3
  end
  return held[place]
end

local function value_of(of)
  if of.place == 0 then return current end
  return of.shadow > 0 and stored_at(of.shadow) or stored_at(of.place)
end

local function take_up(candidate)
  current, stamp, touched, exists = candidate, stamp + 1, false, false
end

-- An entry may outlive its record: where all that was read is absent, the record may be, too.
local function is_there()
  return exists or not touched or call('EXISTS', prefix .. current) == 1
end

-- include judge.lua

-- The order, and rows in it.

local function term() return { of = tested(), sign = flag() and -1 or 1 } end

local order = each(term)
local by_key_alone = #order == 0
local key_kind = kinds[form == 'int' and 'int' or 'bytes']
order[#order + 1] = { of = { kind = key_kind, place = 0 }, sign = flag() and -1 or 1 }

local function placed(row)
  row.texts, row.nears = {}, {}
  for i = 1, #order do
    local of = order[i].of
    local text = value_of(of)
    row.texts[i], row.nears[i] = text, text and of.kind.near(text) or -HUGE
  end
end

local function before(a, b)
  for i = 1, #order do
    local difference = versus(order[i].of.kind, a.texts[i], a.nears[i], b.texts[i], b.nears[i])
    if difference ~= 0 then return order[i].sign * difference < 0 end
  end
  return false
end

local function value()
  local word = take()
  return word ~= '' and sub(word, 2)
end

local start = value()
if start then
  local texts, nears = {}, {}
  for i = 1, #order - 1 do
    texts[i] = value()
    nears[i] = texts[i] and order[i].of.kind.near(texts[i]) or -HUGE
  end
  texts[#order], nears[#order] = start, key_kind.near(start)
  start = { texts = texts, nears = nears }
end

local leave_out, left_out = each(take), {}
for i = 1, #leave_out do
  left_out[leave_out[i]] = true
end
local fields = each(take)

-- include sources.lua

-- Paths: sources, unions of them, and choices.

local path
path = function()
  local word = take()
  if word == 'any' or word == 'least' then return { word = word, parts = each(path) } end
  local id = number()
  local source = sources[word].say()
  source.id, source.kind = id, sources[word]
  return source
end

local function size_of(of)
  if of.kind then
    of.least = of.kind.size(of)
    return of.least
  end
  local sum, least = 0, HUGE
  for i = 1, #of.parts do
    local size = size_of(of.parts[i])
    sum = sum + size
    if least - size > 0 then
      least, of.pick = size, of.parts[i]
    end
  end
  return of.word == 'any' and sum or least
end

local function picked_of(of, found)
  if of.kind then
    found[#found + 1] = of
  elseif of.pick and of.word == 'least' then
    picked_of(of.pick, found)
  else
    for i = 1, #of.parts do
      picked_of(of.parts[i], found)
    end
  end
  return found
end

-- Ways: what each costs, in units of about half a microsecond.

local function way()
  local said = { walks = flag(), distinct = flag(), covers = each(number), path = path() }
  local covered = {}
  for i = 1, #said.covers do
    covered[said.covers[i]] = true
  end
  said.left = {}
  for i = 1, #conditions do
    if not covered[i] then
      said.left[#said.left + 1] = conditions[i]
      said.reads = said.reads or conditions[i].reads
    end
  end
  return said
end

local function expected_of(ways, all)
  local matching, taken = all, {}
  table.sort(ways, function(a, b) return a.size - b.size < 0 end)
  for i = 1, #ways do
    local fresh = #ways[i].covers > 0
    for j = 1, #ways[i].covers do
      fresh = fresh and not taken[ways[i].covers[j]]
      taken[ways[i].covers[j]] = true
    end
    if fresh then matching = matching * ways[i].size / math.max(all, 1) end
  end
  return math.max(matching, 1)
end

local function cost_of(of, expected)
  local one, count = of.reads and 6 or 3, of.size
  if wanted == 'count' and #of.left == 0 and of.distinct then return 0 end
  if of.walks and wish >= 0 then
    count = math.min(count, (wish + #leave_out) * math.max(count, 1) / expected)
  elseif wish >= 0 and not by_key_alone then
    one = one + 5
  end
  if not of.walks and of.size - most > 0 then one = one + 3 end
  return count * one
end

local stored = call('HGET', KEYS[1], mapper)
local all = call('ZCARD', KEYS[2])
if stored and stored ~= fingerprint and all > 0 then return { 'schema' } end

local ways = each(way)
local chosen = ways[1]
if #ways > 1 or wanted == 'plan' then
  local sizes, listed, least = { 'plan', 1 }, { unpack(ways) }, HUGE
  for i = 1, #ways do
    ways[i].number, ways[i].size = i, size_of(ways[i].path)
    sizes[i + 2] = ways[i].size
  end
  local expected = expected_of(ways, all)
  for i = 1, #listed do
    local cost = cost_of(listed[i], expected)
    if least - cost > 0 then
      chosen, sizes[2], least = listed[i], i, cost
    end
  end
  if wanted == 'plan' then return sizes end
end

-- What becomes of a candidate.

local kept, total, worst = {}, 0, nil
local row_cost = wanted == 'rows' and 10 or 3 * #fields
local cuts = limit >= 0 and not chosen.walks and wanted ~= 'count'
local sorts = not chosen.walks and (cuts or start)

local function holds(probes_only)
  for i = 1, #chosen.left do
    local one = chosen.left[i]
    if not (probes_only and one.reads) and not one.holds() then return false end
  end
  return is_there()
end

local function keep(row)
  if worst and not before(row, worst) then return end
  kept[#kept + 1] = row
  if #kept >= 2 * limit + 16 then
    table.sort(kept, before)
    for i = #kept, limit + 1, -1 do
      kept[i] = nil
    end
    worst = kept[limit]
  end
end

local function consider(candidate)
  take_up(candidate)
  seen, spent = seen + 1, spent + 3
  if left_out[candidate] or not holds(wanted == 'keys') then return end
  local row = { key = candidate }
  if wanted == 'keys' then
    kept[#kept + 1] = row
    return
  end
  if chosen.keyed and not exists and call('EXISTS', prefix .. candidate) == 0 then return end
  if sorts then
    placed(row)
    if not is_there() or (start and not before(start, row)) then return end
  end
  if wanted == 'count' then
    total = total + 1
  elseif cuts then
    if limit > 0 then keep(row) end
  else
    kept[#kept + 1], spent = row, spent + row_cost
  end
end

if chosen.path.word and not chosen.size then chosen.size = size_of(chosen.path) end -- it picks
local picked = picked_of(chosen.path, {})
local source, cursor, ids = 0, '', {}
for i = 1, #picked do
  ids[i] = picked[i].id
  chosen.keyed = chosen.keyed or picked[i].kind == sources.keys
end

-- Counting what needs no look at each; sets that meet are looked through by the server itself.
local function countable()
  if wanted ~= 'count' or #chosen.left > 0 or not chosen.distinct or chosen.keyed then
    return false
  end
  for i = 1, #picked do
    local one = picked[i]
    if one.sets and #one.sets > 1 and one.kind.size(one) - 15 * most > 0 then return false end
  end
  return true
end

local function counted()
  for i = 1, #picked do
    local one = picked[i]
    if one.kind.count then
      total = total + one.kind.count(one)
    elseif one.kind == sources.owners then
      total = total + #one.kind.some(one)
    else
      total = total + one.kind.size(one)
    end
  end
  chosen.left = conditions
  local found = total
  for i = 1, #leave_out do
    take_up(leave_out[i])
    if call('EXISTS', prefix .. current) == 1 and holds() then found = found - 1 end
  end
  total = found
end

local function walked()
  local enough = page >= 0 and page or HUGE
  for i = 1, #picked do
    local one, going = picked[i], true
    local count = #chosen.left == 0 and enough + #leave_out + 1 or 200
    while going do
      local keys, more, members = one.kind.some(one, math.max(1, math.min(count, 1001)))
      for j = 1, #keys do
        consider(keys[j])
        if #kept + total - enough >= 0 or (spent - budget > 0 and seen - most >= 0) then
          if keys[j + 1] or more or picked[i + 1] then
            source, cursor = one.id, members[j]
          end
          return
        end
      end
      going, count = more, 500
    end
  end
end

local function gathered()
  local known, left = {}, most + 1
  for i = 1, #picked do
    local one = picked[i]
    local keys, more = one.kind.some(one, math.max(left, 1))
    left = left - #keys
    for j = 1, #keys do
      if chosen.distinct or not known[keys[j]] then
        known[keys[j]] = true
        consider(keys[j])
      end
    end
    if more or (0 >= left and picked[i + 1] and wanted == 'keys') then
      source, cursor = more and one.id or picked[i + 1].id, more or ''
      return
    end
  end
end

if countable() then
  counted()
elseif chosen.walks then
  walked()
else
  chosen.size = chosen.size or size_of(chosen.path)
  if chosen.size - most > 0 and wanted ~= 'keys' then wanted, most = 'keys', most * 1.5 end
  gathered()
end

-- The answer.

local keys, records = {}, {}
cuts = cuts and wanted ~= 'keys'
if cuts then table.sort(kept, before) end
for i = 1, cuts and math.min(limit, #kept) or #kept do
  keys[i] = kept[i].key
end
if wanted == 'rows' then
  for i = 1, #keys do
    records[i] = call('HGETALL', prefix .. keys[i])
  end
elseif wanted == 'fields' and #fields > 0 then
  for i = 1, #keys do
    take_up(keys[i])
    local record = call('HMGET', prefix .. current, unpack(fields))
    for j = 1, #fields do
      local text = record[j]
      if text and #text == PIECE then record[j] = whole(fields[j], text) end
    end
    records[i] = record
  end
end
if wanted == 'count' then keys = total end
return { wanted, chosen.number or 1, seen, read, source, cursor, ids, keys, records }
