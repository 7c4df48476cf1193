import type { SystemPackage } from '@longshore/core';
import { move } from './operations/move.ts';
import { noopKind } from './operations/noop.ts';
import { rebalance } from './operations/rebalance.ts';
import { allow } from './tasks/allow.ts';
import { catchUp } from './tasks/catch-up.ts';
import { copy } from './tasks/copy.ts';
import { deny } from './tasks/deny.ts';
import { ensure } from './tasks/ensure.ts';
import { measure } from './tasks/measure.ts';
import { noop } from './tasks/noop.ts';
import { prepare } from './tasks/prepare.ts';
import { retire } from './tasks/retire.ts';
import { round } from './tasks/round.ts';
import { switchRoute } from './tasks/switch.ts';
import { transfer } from './tasks/transfer.ts';
import { verify } from './tasks/verify.ts';

/** Demonstration kinds on a small service, guarded and fenced as large ones are: what the engine can do is tried out on them. */
export const counter: SystemPackage = {
  name: 'counter',
  kinds: [move, rebalance, noopKind],
  tasks: [prepare, copy, deny, catchUp, switchRoute, allow, verify, retire, ensure, round, transfer, measure, noop],
};

export type { CounterClient } from './client/index.ts';
export { counterService } from './client/index.ts';
export { MoveParams, NoopParams, RebalanceParams } from './params.ts';
