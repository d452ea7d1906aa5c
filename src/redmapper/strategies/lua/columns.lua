-- Candidates, and what their records hold. A candidate is a number: keys[i] is its key, tails[i] what
-- entries have in place of that, held[place][i]
-- what its record has under that name, false where there is nothing. Conditions and orders take many
-- of them at a time, as lists of numbers: a field is read, a set is asked, for all of them in a row.

local keys, tails, held = {}, {}, {}
local seen, read, spent = 0, 0, 0

-- Whose records have been looked at: those of whom the column that was read first is known, and
-- others, once another column has been read where that one was not.
local first, others, mixed = nil, {}, false

local function column()
  local kind, place, shadow, scores = kind_of(term()), term(), term(), term()
  return { kind = kind, place = place, shadow = shadow, scores = KEYS[scores] }
end

local function look_at(i)
  if first[i] == nil and not others[i] then
    read, others[i], mixed = read + 1, true, true
  end
end

local function stored_at(place, rows)
  local texts, name, fresh = held[place] or {}, names[place], 0
  held[place], first = texts, first or texts
  local ask, ids, head, plain = call, keys, prefix, texts == first and not mixed
  for j = 1, #rows do
    local i = rows[j]
    if texts[i] == nil then
      local id = ids[i]
      local text = ask('HGET', head .. id, name)
      if text and #text == PIECE then text = whole(id, name, text, 1) end
      if not plain then look_at(i) end
      texts[i] = text
      fresh = fresh + 1
    end
  end
  if plain then read = read + fresh end
  spent = spent + 3 * fresh
  return texts
end

-- The values of a column, by candidate: of the key, of a field, or of one as its norm makes it.
local function values_of(of, rows)
  if of.place == 0 then return keys end
  if of.shadow == 0 then return stored_at(of.place, rows) end
  local normed, alike = stored_at(of.shadow, rows), {}
  for j = 1, #rows do
    if not normed[rows[j]] then alike[#alike + 1] = rows[j] end
  end
  local plain = stored_at(of.place, alike)
  of.texts = of.texts or {}
  for j = 1, #rows do
    of.texts[rows[j]] = normed[rows[j]] or plain[rows[j]]
  end
  return of.texts
end

-- The scores that a sorted set has for some candidates, false for None, and for what is no plain number.
local function scores_of(of, rows)
  local asked, count = {}, #rows
  for j = 1, count do
    asked[j] = tails[rows[j]]
  end
  spent = spent + count
  if SLICE - count >= 0 then return count > 0 and call('ZMSCORE', of.scores, unpack(asked)) or {} end
  local scores = {}
  for from = 1, count, SLICE do
    local some = call('ZMSCORE', of.scores, unpack(asked, from, math.min(from + SLICE - 1, count)))
    for j = 1, #some do
      scores[from + j - 1] = some[j]
    end
  end
  return scores
end

-- Of candidates from a certain one on, what the records hold of those that have no score.
local function without_score(of, rows, scores, from)
  local unsure = {}
  for j = from, #rows do
    if not scores[j] then unsure[#unsure + 1] = rows[j] end
  end
  return values_of(of, unsure)
end

-- The values of a column for tests, which need no look at a record where a number is a score. That is
-- spelled as the server likes, an integer as a record has it; of a time a record has no number.
local function values_to_test(of, rows)
  if not of.scores or of.kind.iso then return values_of(of, rows) end
  local texts, scores, stored, spells = {}, scores_of(of, rows), nil, of.kind.number
  for j = 1, #rows do
    local i, text = rows[j], scores[j]
    if text then
      texts[i] = spells and search(text, 'e', 1, true) and string.format('%.0f', text) or text
    else
      stored = stored or without_score(of, rows, scores, j)
      texts[i] = stored[i]
    end
  end
  return texts
end

-- An entry may outlive its record: where all that was read is absent, the record may be, too.
local function exists(i)
  for place = 1, #names do
    if held[place] and held[place][i] then return true end
  end
  return call('HLEN', prefix .. keys[i]) > 0
end

local function present(rows, every)
  if read == 0 and not every then return rows end
  local left = {}
  for j = 1, #rows do
    local i = rows[j]
    local looked_at = every or others[i] or (first and first[i] ~= nil)
    if not looked_at or exists(i) then left[#left + 1] = i end
  end
  return left
end
