// What people say about a series: nothing of it is ever changed or taken back.

/**
 * Both lists as one, each comment once, newest first.
 * @template {{id: string, created_at: string}} T
 * @param {T[]} known @param {T[]} more @returns {T[]}
 */
export function joined(known, more) {
  const each = new Map([...more, ...known].map((one) => [one.id, one]));
  return [...each.values()].sort((a, b) => Date.parse(b.created_at) - Date.parse(a.created_at));
}
