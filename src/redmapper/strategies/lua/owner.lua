#!lua flags=no-writes
-- The owner of a unique value, and its record.
--
-- KEYS  1 the schema, 2 the listing of the mapper, 3 the hash of owners
-- ARGV  1 mapper, 2 its fingerprint, 3 what the keys of its records begin with, 4 the value
-- Returns  {"schema"} where other indexes stand than the mapper has, {} where nobody has the value,
--       or {key, record}, the record as HGETALL gives it

local call = redis.call
local stored = call('HGET', KEYS[1], ARGV[1])
if stored and stored ~= ARGV[2] and call('ZCARD', KEYS[2]) > 0 then return {'schema'} end
local owner = call('HGET', KEYS[3], ARGV[4])
if not owner then return {} end
return {owner, call('HGETALL', ARGV[3] .. owner)}
