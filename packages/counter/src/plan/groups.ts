/**
 * Who owes whom: the fewest transfers that settle a list of surpluses and deficits. Pure.
 *
 * Amounts that add up to zero among themselves need one transfer less than there are of them; so the more such groups the list is cut
 * into, the fewer transfers it takes. The most groups are found exactly for up to `EXACT` amounts, in 2^n steps; beyond that equal
 * pairs are taken first, and the rest takes one transfer less than there are amounts.
 */

export interface Transfer {
  /** Positions in the list of amounts. */
  from: number;
  to: number;
  units: number;
}

const EXACT = 14;

/** `amounts`: surplus above, deficit below zero; they add up to zero. */
export function settle(amounts: readonly number[]): Transfer[] {
  const open = amounts.map((amount, at) => ({ amount, at })).filter(({ amount }) => amount !== 0);
  const transfers: Transfer[] = [];
  for (const group of groupsOf(open)) transfers.push(...chain(group));
  return transfers;
}

interface Amount {
  amount: number;
  at: number;
}

function groupsOf(open: Amount[]): Amount[][] {
  if (open.length <= EXACT) return exactGroups(open);
  const groups: Amount[][] = [];
  const rest: Amount[] = [];
  for (const one of open) {
    const twin = rest.findIndex(({ amount }) => amount === -one.amount);
    if (twin < 0) rest.push(one);
    else groups.push([...rest.splice(twin, 1), one]);
  }
  return rest.length === 0 ? groups : [...groups, ...(rest.length <= EXACT ? exactGroups(rest) : [rest])];
}

/** `most[set]`: into how many groups that add up to zero the amounts of a set can be cut, taking them one after another. */
function exactGroups(open: Amount[]): Amount[][] {
  const size = 1 << open.length;
  const sum = new Float64Array(size);
  const most = new Int8Array(size);
  const last = new Int8Array(size).fill(-1);
  for (let set = 1; set < size; set += 1) {
    let best = -1;
    for (let bit = 0; bit < open.length; bit += 1) {
      if ((set & (1 << bit)) === 0) continue;
      const without = set ^ (1 << bit);
      sum[set] = sum[without]! + open[bit]!.amount;
      if (most[without]! > best) {
        best = most[without]!;
        last[set] = bit;
      }
    }
    most[set] = best + (sum[set] === 0 ? 1 : 0);
  }
  const groups: Amount[][] = [];
  let group: Amount[] = [];
  for (let set = size - 1; set > 0; set ^= 1 << last[set]!) {
    if (sum[set] === 0 && group.length > 0) {
      groups.push(group);
      group = [];
    }
    group.push(open[last[set]!]!);
  }
  if (group.length > 0) groups.push(group);
  return groups;
}

/** One transfer less than there are amounts: the largest surplus goes to the largest deficit until one of them is settled. */
function chain(group: Amount[]): Transfer[] {
  const left = group.map((one) => ({ ...one }));
  const transfers: Transfer[] = [];
  for (;;) {
    const from = left.reduce((most, one) => (one.amount > most.amount ? one : most));
    const to = left.reduce((least, one) => (one.amount < least.amount ? one : least));
    const units = Math.min(from.amount, -to.amount);
    if (units <= 0) return transfers;
    transfers.push({ from: from.at, to: to.at, units });
    from.amount -= units;
    to.amount += units;
  }
}
