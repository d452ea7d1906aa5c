-- Tests, as functions that take candidates and answer those who pass, in the same order. What makes
-- them is grouped: to make a function costs as much as to call it, so those that only one kind of
-- test needs are made with it.

local columns = each(column)
local test

local function tested() return columns[term()] end

-- The value lies in one of some spans; of numbers that are scores, in one, between two cuts.
local function within(scored)
  local of = tested()
  local kind = of.kind
  local first, last = scored and take(), scored and take()

  local function bound(sign)
    local word = take()
    local text = byte(word) ~= 45 and sub(word, 2)
    local near = text and kind.near(text) or -sign * HUGE
    return { closed = byte(word) == 91, text = text, near = near, sign = sign }
  end

  local spans = {}
  for i = 1, scored and 1 or term() do
    spans[i] = { low = bound(1), high = bound(-1) }
  end

  local function reaches(text, near, edge)
    local difference = edge.sign * (near - edge.near)
    if difference > 0 then return true end
    if 0 > difference then return false end
    if not edge.text or text == edge.text then return edge.closed or not edge.text end
    difference = edge.sign * versus(kind, text, near, edge.text, edge.near)
    return difference > 0 or (difference == 0 and edge.closed)
  end

  local function inside(text, near)
    if kind.nan and is_nan(text) == 1 then return false end
    for i = 1, #spans do
      local one = spans[i]
      if reaches(text, near, one.low) and reaches(text, near, one.high) then return true end
    end
    return false
  end

  local single = #spans == 1
  local low, high = single and spans[1].low or {}, single and spans[1].high or {}
  local from, to = low.near or HUGE, high.near or -HUGE

  -- Numbers that are scores are exactly what they seem; the records of others decide.
  local function within_scores(rows)
    local scores, stored, left, count = scores_of(of, rows), nil, {}, 0
    local least, with_least = score_at(first)
    local most, without_most = score_at(last)
    for j = 1, #rows do
      local number, passes = tonumber(scores[j]), nil
      if number then
        local above, below = number - least, most - number
        passes = (above > 0 or (with_least and above == 0))
          and (below > 0 or (below == 0 and not without_most))
      else
        stored = stored or without_score(of, rows, scores, j)
        local text = stored[rows[j]]
        passes = text and inside(text, kind.near(text))
      end
      if passes then
        count = count + 1
        left[count] = rows[j]
      end
    end
    return left
  end

  if scored then return within_scores end
  return function(rows)
    local texts, near_of, number_of = values_to_test(of, rows), kind.near, kind.number
    local left, count = {}, 0
    for j = 1, #rows do
      local i = rows[j]
      local text = texts[i]
      if text then
        local near = number_of and 16 > #text and number_of(text) or near_of(text)
        local above, below = near - from, to - near
        if
          (above > 0 and below > 0) -- as most are: no closer look is needed
          or (not (single and (0 > above or 0 > below)) and inside(text, near))
        then
          count = count + 1
          left[count] = i
        end
      end
    end
    return left
  end
end

-- The value is one of these.
local function among()
  local of, values = tested(), {}
  for _ = 1, term() do
    values[take()] = true
  end
  return function(rows)
    local texts, left, count = values_to_test(of, rows), {}, 0
    for j = 1, #rows do
      if values[texts[rows[j]]] then
        count = count + 1
        left[count] = rows[j]
      end
    end
    return left
  end
end

-- The text has these patterns in it, one behind the other.
local function like()
  local of, patterns = tested(), each(take)
  local function fits(text)
    local from, last = 1, 0
    for i = 1, #patterns do
      from, last = search(text, patterns[i], last + 1)
      if not from then return false end
    end
    return true
  end
  return function(rows)
    local texts, left = values_of(of, rows), {}
    for j = 1, #rows do
      local text = texts[rows[j]]
      if text and fits(text) then left[#left + 1] = rows[j] end
    end
    return left
  end
end

-- All of some tests pass.
local function all_of()
  local parts = each(test)
  return function(rows)
    for i = 1, #parts do
      rows = parts[i](rows)
    end
    return rows
  end
end

-- Tests that mark candidates first.
local function marking(word)
  local function marked(rows, marks, as)
    local left, count = {}, 0
    for j = 1, #rows do
      if (marks[rows[j]] or false) == as then
        count = count + 1
        left[count] = rows[j]
      end
    end
    return left
  end

  local function mark(rows, marks)
    for j = 1, #rows do
      marks[rows[j]] = true
    end
  end

  -- Of candidates, those that a set has.
  local function mark_members(set, rows, marks)
    spent = spent + #rows
    for from = 1, #rows, SLICE do
      local asked = {}
      for j = from, math.min(from + SLICE - 1, #rows) do
        asked[#asked + 1] = tails[rows[j]]
      end
      local found = call('SMISMEMBER', set, unpack(asked))
      for j = 1, #found do
        if found[j] == 1 then marks[rows[from + j - 1]] = true end
      end
    end
  end

  if word == 'probe' then
    local sets = each(key)
    return function(rows)
      local marks, left = {}, rows
      for i = 1, #sets do
        mark_members(sets[i], left, marks)
        if sets[i + 1] then left = marked(left, marks, false) end
      end
      return marked(rows, marks, true)
    end
  end
  if word == 'or' then
    local parts = each(test)
    return function(rows)
      local marks, left = {}, rows
      for i = 1, #parts do
        mark(parts[i](left), marks)
        left = marked(left, marks, false)
      end
      return marked(rows, marks, true)
    end
  end
  if word == 'not' then
    local part = test()
    return function(rows)
      local marks = {}
      mark(part(rows), marks)
      return marked(rows, marks, false)
    end
  end
  local of = tested() -- 'none'
  return function(rows) return marked(rows, values_of(of, rows), false) end
end

test = function()
  local word = term()
  if word == 'span' or word == 'scored' then return within(word == 'scored') end
  if word == 'one' then return among() end
  if word == 'like' then return like() end
  if word == 'and' then return all_of() end
  return marking(word)
end

-- `proves`: what passes has something in its record, and so a record.
local function condition()
  local must_read, word, of = flag(), terms[term_at + 1], terms[term_at + 2]
  local proves = (word == 'span' or word == 'one' or word == 'like') and columns[of].place > 0
    and not columns[of].scores
  return { must_read = must_read, passed = test(), proves = proves }
end

local conditions = each(condition)
