-- Ways to the entries, and what each costs. Paths: sources, unions of them, and choices.

local function path_of(at)
  local kind, count, parts = told[at], told[at + 1], {}
  if kind > 2 then return source_of(at) end
  at = at + 2
  for i = 1, count do
    parts[i], at = path_of(at)
  end
  return { word = kind == 1 and 'any' or 'least', parts = parts }, at
end

local function size_of(of)
  if of.kind then
    of.least = entries_of(of)
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

-- The way that is told from there on, and where what follows it stands. `covers` lists the tests that it
-- makes needless, `left` those that it leaves; it is short if it can be gone without a look at a record.
local function way_of(at, number)
  local walks, distinct, price, short, covers = unpack(told, at, at + 4)
  local left = at + 5 + covers
  local path, behind = path_of(left + told[left] + 1)
  return {
    number = number, at = at, walks = walks == 1, distinct = distinct == 1, price = price,
    short = short == 1, covers = at + 4, left = left, path = path, size = false,
  }, behind
end

-- The sizes of all ways behind the number of the cheapest: in units of about half a microsecond.
local function cheapest(ways, by_key_alone, left_out)
  local function expected_of()
    local all, taken = listed(), {}
    local matching, sorted = all, { unpack(ways) }
    table.sort(sorted, function(a, b) return a.size - b.size < 0 end)
    for i = 1, #sorted do
      local covers = sorted[i].covers
      local fresh = told[covers] > 0
      for j = covers + 1, covers + told[covers] do
        fresh = fresh and not taken[told[j]]
        taken[told[j]] = true
      end
      if fresh then matching = matching * sorted[i].size / math.max(all, 1) end
    end
    return math.max(matching, 1)
  end

  local expected

  local function cost_of(of)
    local one, count = of.price, of.size
    if wanted == 'count' and told[of.left] == 0 and of.distinct then return 0 end
    if of.walks and wish >= 0 then
      expected = expected or expected_of()
      count = math.min(count, (wish + left_out) * math.max(count, 1) / expected)
    elseif wish >= 0 and not by_key_alone then
      one = one + 5
    end
    if not of.walks and of.size - most > 0 then one = one + 3 end
    return count * one
  end

  local sizes, least = { 'plan', 1 }, HUGE
  for i = 1, #ways do
    ways[i].size = size_of(ways[i].path)
    sizes[i + 2] = ways[i].size
  end
  for i = 1, #ways do
    local cost = cost_of(ways[i])
    if least - cost > 0 then
      sizes[2], least = i, cost
    end
  end
  return sizes
end

-- The size of the next batch of a walk: as many entries as seem to be needed by what has passed so far, and
-- a quarter beyond. (That is no number where all are wanted and none was seen: `max` passes over it, behind
-- the 16.)
local function batch_after(batch, missing, seen, passed)
  local needed = 1.25 * missing * seen / math.max(passed, 1)
  return math.ceil(math.min(2 * batch, 500, math.max(16, needed)))
end
