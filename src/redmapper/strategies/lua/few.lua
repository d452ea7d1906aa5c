-- Queries of few candidates, which sets and scores can tell apart without a look at a record: most are
-- such. They are answered here, as all that stands below costs more before it begins than the whole
-- of this. Whatever turns out to be no such query is left to that: then nothing is returned.
--
-- ARGV[12] is "", or an array in MessagePack, in which keys and words go by their places: most
-- candidates; ways: each its number, 1 if it is a walk in order, the tests it leaves, and its source
-- as above; tests: each a set, or a set by score and two cuts; the order: 1 if the key descends,
-- nothing else or a set by score and 1 if it descends; where the fields wanted stand, from and to;
-- and those of them that may go on in further fields.

local function source_of_few(way)
  local number, kind, set, low, high, reverse, descends, widths = way[1], unpack(way, 4)
  if kind ~= 'set' then
    return range(kind, number, KEYS[set], ARGV[low], ARGV[high], reverse == 1, descends == 1, widths)
  end
  local sets = {}
  for i = 1, #set do
    sets[i] = KEYS[set[i]]
  end
  return meeting(number, '0', sets)
end

-- The way with the fewest entries, its source and how many: if these are no more than so many.
local function fewest(ways, most)
  local chosen, source, least = nil, nil, most + 1
  for i = 1, #ways do
    local one = source_of_few(ways[i])
    local size = entries_of(one)
    if least - size > 0 then
      chosen, source, least = ways[i], one, size
    end
  end
  return chosen, source, least
end

-- Whether a set by score has None for these tails: of those that it does not have as numbers either, it
-- tells nothing.
local function are_none(set, tails)
  for i = 1, #tails do
    tails[i] = '\253' .. tails[i]
  end
  local found = #tails > 0 and call('ZMSCORE', set, unpack(tails)) or tails
  for i = 1, #found do
    if not found[i] then return false end
  end
  return true
end

-- Those that pass a test are moved to the front: how many; nothing where it can not be told.
local function passed(test, tails, count)
  local set, low, high, kept, nones = KEYS[test[1]], ARGV[test[2]], ARGV[test[3]], 0, {}
  if not low then
    local found = call('SMISMEMBER', set, unpack(tails, 1, count))
    for i = 1, count do
      if found[i] == 1 then
        kept = kept + 1
        tails[kept] = tails[i]
      end
    end
    return kept
  end
  local least, with_least = score_at(low)
  local most, without_most = score_at(high)
  local scores = call('ZMSCORE', set, unpack(tails, 1, count))
  for i = 1, count do
    local number = scores[i]
    if number then
      number = number + 0
      local above, below = number - least, most - number
      if
        (above > 0 or (with_least and above == 0))
        and (below > 0 or (below == 0 and not without_most))
      then
        kept = kept + 1
        tails[kept] = tails[i]
      end
    else
      nones[#nones + 1] = tails[i]
    end
  end
  return are_none(set, nones) and kept
end

-- Candidates by their numbers, and those that share one as `by_ties` puts them.
local function by_number(rows, numbers, descends, by_ties)
  local alone, groups, distinct, count = {}, {}, {}, 0
  for j = 1, #rows do
    local row = rows[j]
    local number = numbers[row] or -HUGE
    local group = groups[number]
    if group then
      group[#group + 1] = row
    elseif alone[number] then
      groups[number] = { alone[number], row }
    else
      count = count + 1
      alone[number], distinct[count] = row, number
    end
  end
  table.sort(distinct)
  local sorted = {}
  for n = 1, count do
    local number = distinct[descends and count + 1 - n or n]
    local group = groups[number]
    if group then
      by_ties(group)
      for j = 1, #group do
        sorted[#sorted + 1] = group[j]
      end
    else
      sorted[#sorted + 1] = alone[number]
    end
  end
  return sorted
end

-- Candidates in the order; nothing where a number is not known.
local function few_in_order(order, tails, count)
  local key_descends, set, rows, numbers = order[1] == 1, order[2], {}, {}
  local sign = key_descends and -1 or 1
  for i = 1, count do
    rows[i] = i
  end
  if set then
    local nones = {}
    numbers = call('ZMSCORE', KEYS[set], unpack(tails, 1, count))
    for i = 1, count do
      local number = numbers[i]
      if number then numbers[i] = number + 0 else nones[#nones + 1] = tails[i] end
    end
    return are_none(KEYS[set], nones) and by_number(rows, numbers, order[3] == 1, function(some)
      table.sort(some, function(a, b) return sign * by_bytes(tails[a], tails[b]) < 0 end)
    end)
  end
  for i = 1, count do -- by integer keys
    local id = key_in(tails[i])
    if #id > 15 then return nil end
    numbers[i] = id + 0
  end
  return by_number(rows, numbers, key_descends)
end

-- The rows, at most so many of them, as places among the candidates are in order.
local function found_among(tails, rows, last)
  local found = {}
  for i = 1, last do
    found[i] = key_in(tails[rows and rows[i] or i])
  end
  return found
end

local function answer_of_few(few)
  local most, ways, tests, order, from, to, long = unpack(few)
  local chosen, source, size = fewest(ways, most)
  if not chosen then return nil end
  taken, source.least = chosen[1], size
  if wanted == 'plan' then return nil end
  local left, counts, count, tails = chosen[3], wanted == 'count', size, nil
  if #left > 0 or not counts or (source.sets and source.sets[2]) then
    tails = some_of(source, size)
    count = #tails
  end
  for t = 1, #left do
    if count ~= 0 then count = passed(tests[left[t]], tails, count) end
    if not count then return nil end
  end
  if counts then return { 'few', taken, size, count } end

  local rows, last = false, limit >= 0 and math.min(limit, count) or count
  if limit >= 0 and chosen[2] == 0 and count - 1 > 0 then -- no walk in order
    rows = few_in_order(order, tails, count)
    if not rows then return nil end
  end
  local found = found_among(tails, rows, last)
  local records, cut = records_of(found, { unpack(ARGV, from, to) }, long)
  for i = 1, count - last > 0 and #records or 0 do
    -- Another row would come in place of one that is not there any more.
    if not records[i] or #records[i] == 0 then return nil end
  end
  return { 'few', taken, size, found, records, cut }
end

local few = ARGV[12] ~= '' and answer_of_few(cmsgpack.unpack(ARGV[12]))
if few then return few end
