/** What `map` holds under `key`; where it holds nothing, it holds from now on what `make` yields. */
export function getOrMake<Key, Value extends object>(
  map: Map<Key, Value>,
  key: Key,
  make: () => Value,
): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
