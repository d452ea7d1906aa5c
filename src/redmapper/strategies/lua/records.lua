-- Records, and fields of them.

-- A piece with all that follow it, the next of which has this number.
local function whole(key, name, text, next_one)
  local pieces = {}
  while text do
    pieces[#pieces + 1] = text
    text = #text == PIECE and call('HGET', prefix .. key, name .. ':' .. next_one)
    next_one = next_one + 1
  end
  return table.concat(pieces)
end

-- Some fields, false for a record that is not there. What follows a full first piece comes in a column
-- of its own, asked for along with the others as soon as one record has had it: most others have it,
-- too. Those of which there is such a column come second.
local function some_fields(ids, fields, long)
  local records, asked, column_of, cut, longs = {}, { unpack(fields) }, {}, {}, #long
  local ask, head, PIECE, unpack = call, prefix, PIECE, unpack
  for i = 1, #ids do
    local id = ids[i]
    local record = ask('HMGET', head .. id, unpack(asked))
    for n = 1, longs do
      local j = long[n]
      local text = record[j]
      if text and #text == PIECE then
        local at = column_of[j]
        if not at then
          at = #asked + 1
          column_of[j], cut[#cut + 1], asked[at] = at, j, fields[j] .. ':1'
          record[at] = ask('HGET', head .. id, asked[at])
        end
        local more = record[at]
        if more and #more == PIECE then record[at] = whole(id, fields[j], more, 2) end
      end
    end
    records[i] = (record[1] or ask('HLEN', head .. id) > 0) and record
  end
  return records, cut
end

-- Whether one of these is no more.
local function any_gone(records)
  for i = 1, #records do
    if not records[i] or #records[i] == 0 then return true end
  end
  return false
end

-- What is wanted of these records.
local function records_of(ids, fields, long)
  local records = {}
  if wanted == 'fields' and #fields > 0 then return some_fields(ids, fields, long) end
  if wanted == 'rows' then
    for i = 1, #ids do
      records[i] = call('HGETALL', prefix .. ids[i])
    end
  end
  return records, {}
end
