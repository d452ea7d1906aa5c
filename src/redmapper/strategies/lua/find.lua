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

-- Comparators. `near` is a number that never goes against the order; where two are equal, `order`
-- settles it. Text is compared by a loop over bytes: `<` would follow the server's locale.

local function by_bytes(a, b)
  for i = 1, math.min(#a, #b) do
    local difference = byte(a, i) - byte(b, i)
    if difference ~= 0 then return difference end
  end
  return #a - #b
end

local function near_bytes(text)
  local a, b, c, d, e, f = byte(text, 1, 6)
  local high = ((a or 0) * 256 + (b or 0)) * 256 + (c or 0)
  return ((high * 256 + (d or 0)) * 256 + (e or 0)) * 256 + (f or 0)
end

local function near_number(text)
  if #text > 300 and search(text, 'x', 1, true) then return byte(text) == 45 and -HUGE or HUGE end
  local value = tonumber(text)
  return value == value and value or HUGE
end

local function is_nan(text) return search(text, '[Nn]a') and 1 or 0 end

-- Integers from 10^4300 on are stored in hex.
local function by_integer(a, b)
  local minus = byte(a) == 45
  if minus ~= (byte(b) == 45) then return minus and -1 or 1 end
  local hex, its_hex = byte(a, minus and 3 or 2) == 120, byte(b, minus and 3 or 2) == 120
  local difference = #a - #b
  if hex ~= its_hex then
    difference = hex and 1 or -1
  elseif difference == 0 then
    difference = by_bytes(a, b)
  end
  return minus and -difference or difference
end

-- Sign, exponent of the first digit as two numbers (it may have 18 digits), digits.
local function decimal(text)
  local minus, whole, part, exponent = string.match(text, '^(-?)(%d*)%.?(%d*)E?([+-]?%d*)$')
  if not minus then return byte(text) == 45 and -2 or 2, 0, 0, '' end
  local zeros, digits = string.match(whole .. part, '^(0*)(%d-)0*$')
  if digits == '' then return 0, 0, 0, '' end
  local sign = byte(exponent) == 45 and -1 or 1
  exponent = string.gsub(exponent, '^[+-]', '')
  local high = sign * (tonumber(sub(exponent, 1, -10)) or 0)
  local low = sign * (tonumber(sub(exponent, -9)) or 0) + #whole - #zeros
  local carry = math.floor(low / 1e9)
  return minus == '-' and -1 or 1, high + carry, low - carry * 1e9, digits
end

local function by_decimal(a, b)
  local sign, high, low, digits = decimal(a)
  local other, its_high, its_low, its_digits = decimal(b)
  if sign ~= other then return sign - other end
  local difference = high - its_high
  if difference == 0 then difference = low - its_low end
  if difference == 0 then difference = by_bytes(digits, its_digits) end
  return sign * difference
end

-- Seconds of the clock, less the offset, and microseconds; aware times come after naive ones.
local function moment(text)
  local a, b, c, d, _, e, f, _, g, h = byte(text, 1, 10)
  local days = 0
  if c ~= 58 then
    local year = ((a * 10 + b) * 10 + c) * 10 + d - 53328
    local month, day = e * 10 + f - 528, g * 10 + h - 528
    if 3 > month then year, month = year - 1, month + 12 end
    days = 365 * year + math.floor(year / 4) - math.floor(year / 100) + math.floor(year / 400)
    days = days + math.floor((153 * month - 457) / 5) + day
    text = sub(text, 12)
  end
  a, b, _, c, d, _, e, f = byte(text, 1, 8)
  local seconds = days * 86400 + (a * 10 + b - 528) * 3600 + (c * 10 + d - 528) * 60
  seconds = seconds + e * 10 + f - 528
  local rest = sub(text, 9)
  if rest == '' then return seconds, 0 end
  local part, offset = string.match(rest, '^%.?(%d*)(.*)$')
  local micro = tonumber(part) or 0
  if offset == '' then return seconds, micro end
  seconds = seconds + 1e12
  if offset == '+00:00' then return seconds, micro end
  local sign, hours, minutes, second, fraction =
    string.match(offset, '^([+-])(%d+):(%d+):?(%d*)%.?(%d*)$')
  sign = sign == '-' and -1 or 1
  micro = micro - sign * (tonumber(fraction) or 0)
  local carry = math.floor(micro / 1e6)
  seconds = seconds - sign * (hours * 3600 + minutes * 60 + (tonumber(second) or 0)) + carry
  return seconds, micro - carry * 1e6
end

local function near_moment(text)
  local seconds = moment(text)
  return seconds
end

local function by_moment(a, b)
  local _, micro = moment(a)
  local _, its = moment(b)
  return micro - its
end

local function same() return 0 end

local kinds = {
  bytes = { near = near_bytes, order = by_bytes },
  int = { near = near_number, order = by_integer },
  float = { near = near_number, order = same, nan = true },
  decimal = { near = near_number, order = by_decimal, nan = true },
  time = { near = near_moment, order = by_moment },
}

-- Absent comes first, NaN last.
local function versus(kind, a, near, b, its_near)
  local difference = near - its_near
  if difference > 0 or 0 > difference then return difference end
  if a == b then return 0 end
  if not a then return -1 end
  if not b then return 1 end
  if kind.nan then
    difference = is_nan(a) - is_nan(b)
    if difference ~= 0 then return difference end
  end
  return kind.order(a, b)
end

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

-- Tests, as functions of the candidate.

local columns = each(column)
local test

local function tested() return columns[number()] end

local function bound(kind, sign)
  local word = take()
  local text = byte(word) ~= 45 and sub(word, 2)
  local near = text and kind.near(text) or -sign * HUGE
  return { closed = byte(word) == 91, text = text, near = near, sign = sign }
end

local function reaches(kind, text, near, edge)
  local difference = edge.sign * (near - edge.near)
  if difference > 0 then return true end
  if 0 > difference then return false end
  if not edge.text or text == edge.text then return edge.closed or not edge.text end
  difference = edge.sign * versus(kind, text, near, edge.text, edge.near)
  return difference > 0 or (difference == 0 and edge.closed)
end

local tests = {
  ['and'] = function()
    local parts = each(test)
    return function()
      for i = 1, #parts do
        if not parts[i]() then return false end
      end
      return true
    end
  end,
  ['or'] = function()
    local parts = each(test)
    return function()
      for i = 1, #parts do
        if parts[i]() then return true end
      end
      return false
    end
  end,
  ['not'] = function()
    local part = test()
    return function() return not part() end
  end,
  probe = function()
    local sets = each(key)
    return function()
      spent = spent + #sets
      for i = 1, #sets do
        if call('SISMEMBER', sets[i], current) == 1 then return true end
      end
      return false
    end
  end,
  none = function()
    local of = tested()
    return function() return not value_of(of) end
  end,
  one = function()
    local of, values = tested(), {}
    for i = 1, number() do
      values[take()] = i
    end
    return function() return values[value_of(of)] ~= nil end
  end,
  span = function()
    local of = tested()
    local kind = of.kind
    local spans = each(function() return { low = bound(kind, 1), high = bound(kind, -1) } end)
    return function()
      local text = value_of(of)
      if not text or (kind.nan and is_nan(text) == 1) then return false end
      local near = kind.near(text)
      for i = 1, #spans do
        local one = spans[i]
        if reaches(kind, text, near, one.low) and reaches(kind, text, near, one.high) then
          return true
        end
      end
      return false
    end
  end,
  like = function()
    local of, patterns = tested(), each(take)
    return function()
      local text, from, last = value_of(of), 1, 0
      for i = 1, text and #patterns or 0 do
        from, last = search(text, patterns[i], last + 1)
        if not from then return false end
      end
      return text and true or false
    end
  end,
}

test = function() return tests[take()]() end

local function condition() return { reads = flag(), holds = test() } end

local conditions = each(condition)

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

-- Sources: their size, and their next entries, with a cursor where there are more.

local function complement(text)
  return (string.gsub(text, '.', function(c) return string.char(255 - byte(c)) end))
end

local function nines(digits)
  return (string.gsub(digits, '%d', function(d) return string.char(105 - byte(d)) end))
end

local read_key = {
  int = function(tail)
    local digits = sub(tail, 2)
    return byte(tail) >= 128 and digits or '-' .. nines(digits)
  end,
  text = function(tail)
    local text = sub(tail, 1, -3)
    if not search(text, '\255', 1, true) then return text end
    return (string.gsub(text, '%z\255', '\0'))
  end,
  fixed = function(tail) return tail end,
}

-- The key begins in a member after fields that have a width, or an end.
local function key_of(member, source)
  local from = 1
  for i = 1, #source.widths do
    local width = source.widths[i]
    if width > 0 then
      from = from + width
    else
      local _, last = search(member, width == 0 and '\0\1' or '\255\254', from, true)
      from = last + 1
    end
  end
  local tail = sub(member, from)
  return read_key[form](source.descends and complement(tail) or tail)
end

local sources = {
  sorted = {
    say = function()
      local source = { set = key(), low = take(), high = take(), reverse = flag() }
      source.descends, source.widths = flag(), each(number)
      return source
    end,
    size = function(source) return call('ZLEXCOUNT', source.set, source.low, source.high) end,
    some = function(source, count)
      local low, high, members = source.low, source.high, nil
      if source.reverse then
        members = call('ZRANGE', source.set, high, low, 'BYLEX', 'REV', 'LIMIT', 0, count)
      else
        members = call('ZRANGE', source.set, low, high, 'BYLEX', 'LIMIT', 0, count)
      end
      local keys, last = {}, members[#members]
      for i = 1, #members do
        keys[i] = key_of(members[i], source)
      end
      if last then
        source[source.reverse and 'high' or 'low'] = '(' .. last
      end
      return keys, #members == count and last or nil, members
    end,
  },
  set = {
    say = function() return { cursor = take(), sets = each(key) } end,
    size = function(source)
      local least = HUGE
      for i = 1, #source.sets do
        local size = call('SCARD', source.sets[i])
        if least - size > 0 then
          least, source.smallest = size, i
        end
      end
      return least
    end,
    count = function(source) return call('SINTERCARD', #source.sets, unpack(source.sets)) end,
    some = function(source, count)
      local sets, smallest, scanned = source.sets, string.match(source.cursor, '^(%d+):(%d+)$')
      if not smallest and count - source.least >= 0 then
        return call(#sets == 1 and 'SMEMBERS' or 'SINTER', unpack(sets))
      end
      smallest = tonumber(smallest) or source.smallest
      local found, keys = call('SSCAN', sets[smallest], scanned or '0', 'COUNT', count), {}
      for i = 1, #found[2] do
        local inside = true
        for j = 1, #sets do
          inside = inside and (j == smallest or call('SISMEMBER', sets[j], found[2][i]) == 1)
        end
        if inside then keys[#keys + 1] = found[2][i] end
      end
      return keys, found[1] ~= '0' and smallest .. ':' .. found[1] or nil
    end,
  },
  owners = {
    say = function() return { hash = key(), values = each(take) } end,
    size = function(source) return #source.values end,
    some = function(source)
      local owned, keys = call('HMGET', source.hash, unpack(source.values)), {}
      for i = 1, #source.values do
        if owned[i] then keys[#keys + 1] = owned[i] end
      end
      return keys
    end,
  },
  keys = {
    say = function() return { keys = each(take) } end,
    size = function(source) return #source.keys end,
    some = function(source) return source.keys end,
  },
}

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
