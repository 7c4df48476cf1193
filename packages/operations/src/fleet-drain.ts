/** A fleet that is being drained takes nothing new, brings to its end what it has, and stops what is left when its time is over. */
import type { Store } from '@longshore/core';
import { FINAL_STATES } from '@longshore/core';
import { auditFleet } from './audit.ts';
import type { Engine } from './engine.ts';
import { FleetDraining } from './errors.ts';

const KEY = 'fleet.drain';

export interface FleetDrain {
  by: string;
  since: number;
  until: number;
}

export async function fleetDrain(store: Store): Promise<FleetDrain | undefined> {
  const text = await store.getShared(KEY);
  return text ? (JSON.parse(text) as FleetDrain) : undefined;
}

export async function setFleetDrain(store: Store, drain: FleetDrain | undefined): Promise<void> {
  await store.setShared(KEY, drain ? JSON.stringify(drain) : '');
}

/** Throws while the fleet takes nothing new. */
export async function assertOpen(store: Store): Promise<void> {
  const drain = await fleetDrain(store);
  if (drain) throw FleetDraining({ by: drain.by, untilMs: drain.until });
}

/** Cancels what a drain has not seen ended in time. */
export async function endDrain(engine: Engine): Promise<void> {
  const { store, transport, clock } = engine;
  const drain = await fleetDrain(store);
  if (!drain || clock.now() < drain.until) return;
  for (const id of await store.live()) {
    const header = await store.header(id);
    if (!header || FINAL_STATES.has(header.state) || header.intent === 'cancel' || header.ending !== undefined || header.revert) continue;
    const next = { ...header, intent: 'cancel' as const, intentBy: drain.by, updatedAt: clock.now() };
    const events = [
      { at: clock.now(), type: 'intent', text: `cancelled: the drain of the fleet that ${drain.by} asked for has run out of time` },
    ];
    if (!(await store.commit(id, { header: next, events }))) continue;
    await auditFleet(engine, 'engine.drain', id, events[0]!.text);
    await transport.ring(id);
  }
}
